# SPDX-License-Identifier: Apache-2.0
"""The part of JSON Schema that docs/report.schema.json is written in."""

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
         "object": dict, "null": type(None)}


def is_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def faults(value, schema, root, where="report"):
    """What of `value` is not as the schema says; each with its place."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return faults(value, root["$defs"][name], root, where)
    if "anyOf" in schema:
        tries = [faults(value, choice, root, where) for choice in schema["anyOf"]]
        return [] if [] in tries else tries[0]
    wanted = schema.get("type", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if wanted and not any(is_type(value, name) for name in wanted):
        return [f"{where} is {value!r:.60}, not of type {' or '.join(wanted)}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where} is {value!r}, not one of {schema['enum']}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += faults(item, schema["items"], root, f"{where}[{i}]")
    if isinstance(value, dict):
        found += object_faults(value, schema, root, where)
    return found


def object_faults(value, schema, root, where):
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    found = [f"{where}.{key} is missing" for key in schema.get("required", []) if key not in value]
    for key, item in value.items():
        if key in known:
            found += faults(item, known[key], root, f"{where}.{key}")
        elif others is False:
            found.append(f"{where}.{key} is not in docs/report.schema.json: say there what it is")
        elif isinstance(others, dict):
            found += faults(item, others, root, f"{where}.{key}")
    return found
