# SPDX-License-Identifier: Apache-2.0
"""Real container runtimes for the tests: a containerd of their own, runc, and an image of one file.

Nothing comes from a network, and nothing of the machine's own runtimes is touched: root, state and
socket lie in the test's folder, and the cgroups are those of a namespace with the test's name.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from harness import Target, end, wait_until

IMAGE = "example.com/whyoom/shop:1.2"
WARM_MIB = 40
ARGUMENTS = ["-warm", str(WARM_MIB), "-await"]  # of tests/targets/leak


class CannotStart(Exception):
    """The runtime does not run here; says why."""


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            timeout=60, **options)
    if result.returncode != 0:
        raise CannotStart(f"{' '.join(result.args[:6])}: {result.stderr.strip()[-500:]}")
    return result.stdout


def write_image(program, path):
    """An OCI image of that one program, as `ctr images import` takes it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, "target")
    blobs = {}

    def add(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": f"application/vnd.oci.image.{media_type}",
                "digest": f"sha256:{digest}", "size": len(data)}

    layer_part = add(layer.getvalue(), "layer.v1.tar")
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/target"]},
              "rootfs": {"type": "layers", "diff_ids": [layer_part["digest"]]}}
    manifest = add(json.dumps({
        "schemaVersion": 2, "layers": [layer_part],
        "config": add(json.dumps(config).encode(), "config.v1+json")}).encode(),
        "manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": IMAGE}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
             "index.json": json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode(),
             **{f"blobs/sha256/{digest}": data for digest, data in blobs.items()}}
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def remove_cgroups(name):
    """What runtimes leave above the cgroups of their containers, in each hierarchy."""
    top = Path("/sys/fs/cgroup")
    for folder in [top / name, *top.glob(f"*/{name}")]:
        if folder.is_dir():
            folder.rmdir()


class Containerd:
    """A containerd with a namespace, and the image in it."""

    def __init__(self, folder, program, namespace):
        for tool in ("containerd", "ctr", "runc"):
            if not shutil.which(tool):
                raise CannotStart(f"{tool} is not installed; ./dev setup does it")
        self.folder, self.namespace = folder, namespace
        self.root, self.state = folder / "root", folder / "state"
        self.socket, self.log = folder / "c.sock", folder / "log"
        (folder / "config.toml").write_text(f"""
version = 2
root = "{self.root}"
state = "{self.state}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{self.socket}"
""")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["containerd", "--config", str(folder / "config.toml")], stdout=log, stderr=log)
        self.running = []
        try:
            wait_until(self._answers, 20, "containerd")
            write_image(program, folder / "image.tar")
            self.ctr("images", "import", "--snapshotter", "native", folder / "image.tar")
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        if self.process.poll() is not None:
            raise CannotStart(f"containerd ended: {self.log.read_text()[-500:]}")
        return self.socket.exists() and "successfully booted" in self.log.read_text()

    def ctr(self, *arguments):
        return run("ctr", "--address", self.socket, "--namespace", self.namespace, *arguments)

    @property
    def env(self):
        """For whyoom: where this one keeps its files."""
        return {"WHYOOM_CONTAINER_ROOTS":
                f"containerd={self.root}:containerd-state={self.state}"}

    def start(self, name, limit_bytes, *options):
        """The image as a container of that id; a Target whose pid is the host's."""
        target = Target("/target", ARGUMENTS, prefix=[
            "ctr", "--address", str(self.socket), "--namespace", self.namespace, "run", "--rm",
            "--snapshotter", "native", "--runc-root", str(self.state / "runc"),
            "--memory-limit", str(limit_bytes), *options, IMAGE, name])
        bundle = self.state / "io.containerd.runtime.v2.task" / self.namespace / name
        target.pid = int((bundle / "init.pid").read_text())
        self.running.append((name, target))
        return target

    def end(self, name):
        self.ctr("tasks", "kill", "--signal", "KILL", name)
        for place, (other, target) in enumerate(self.running):
            if other == name:
                target.process.wait(timeout=30)  # it removes the container
                target.stop()
                del self.running[place]
                return

    def stop(self):
        for name, _ in list(self.running):
            self.end(name)
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            end(self.process)
        remove_cgroups(self.namespace)


class Podman:
    """Podman with a storage of its own, and the image in it."""

    def __init__(self, folder, program, namespace):
        for tool in ("podman", "conmon", "runc"):
            if not shutil.which(tool):
                raise CannotStart(f"{tool} is not installed; ./dev setup does it")
        self.namespace, self.storage, self.state = namespace, folder / "root", folder / "run"
        self.running = []
        self.command = ["podman", "--root", str(self.storage), "--runroot", str(self.state),
                        "--tmpdir", str(folder / "tmp"), "--storage-driver", "vfs",
                        "--cgroup-manager", "cgroupfs", "--events-backend", "file",
                        "--runtime", shutil.which("runc")]
        with tarfile.open(folder / "layer.tar", "w") as tar:
            tar.add(program, "target")
        self.podman("import", "--change", 'ENTRYPOINT ["/target"]', folder / "layer.tar", IMAGE)

    def podman(self, *arguments):
        return run(*self.command, *arguments)

    @property
    def env(self):
        return {"WHYOOM_CONTAINER_ROOTS": f"storage={self.storage}:storage-run={self.state}"}

    def start(self, name, limit_bytes):
        """The image as a container of that name; a Target whose pid is the host's."""
        try:
            # The limits are no higher than what a machine for tests may set.
            target = Target(IMAGE, ARGUMENTS, prefix=[
                *self.command, "run", "--interactive", "--rm", "--pull", "never",
                "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit",
                "nproc=1024:1024", "--cgroup-parent", f"/{self.namespace}",
                "--memory", str(limit_bytes), "--name", name])
        except AssertionError as why:  # it said nothing
            raise CannotStart(f"podman run: {why}") from why
        target.pid = int(self.podman("inspect", "--format", "{{.State.Pid}}", name))
        self.running.append((name, target))
        return target

    def stop(self):
        for name, target in self.running:
            self.podman("rm", "--force", "--time", "0", name)
            target.stop()
        wait_until(self._cgroups_removed, 20, "the monitors' cgroups are gone")

    def _cgroups_removed(self):
        """Podman leaves those of its monitors, which end by themselves."""
        try:
            for above in Path("/sys/fs/cgroup").glob(f"*/{self.namespace}"):
                for folder in above.glob("*"):
                    if folder.is_dir():
                        folder.rmdir()
            remove_cgroups(self.namespace)
        except OSError:
            return False
        return True


class Runc:
    """Containers by runc alone."""

    def __init__(self, folder, program):
        if not shutil.which("runc"):
            raise CannotStart("runc is not installed; ./dev setup does it")
        self.root, self.bundle = folder / "runc", folder / "bundle"
        (self.bundle / "rootfs").mkdir(parents=True)
        shutil.copy(program, self.bundle / "rootfs/target")
        run("runc", "spec", "--bundle", self.bundle)
        self.running = []

    @property
    def env(self):
        return {"WHYOOM_CONTAINER_ROOTS": f"runc={self.root}"}

    def runc(self, *arguments):
        return run("runc", "--root", self.root, *arguments)

    def start(self, name, limit_bytes, cgroup):
        """The bundle as a container in that cgroup; a Target whose pid is the host's."""
        path = self.bundle / "config.json"
        config = json.loads(path.read_text())
        config["process"].update(terminal=False, args=["/target", *ARGUMENTS])
        config["linux"]["cgroupsPath"] = cgroup
        config["linux"]["resources"]["memory"] = {"limit": limit_bytes}
        path.write_text(json.dumps(config))
        target = Target(name, prefix=["runc", "--root", str(self.root), "run", "--bundle",
                                      str(self.bundle)])
        target.pid = json.loads(self.runc("state", name))["pid"]
        self.running.append((name, target, Path(cgroup).parts[1]))
        return target

    def stop(self):
        for name, target, cgroup in self.running:
            self.runc("kill", name, "KILL")
            target.process.wait(timeout=30)
            target.stop()
            remove_cgroups(cgroup)
