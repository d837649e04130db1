// SPDX-License-Identifier: Apache-2.0
// In: what a watch was told. Out: what it will do, in plain words.
#include <string.h>

#include "base/i18n.h"
#include "base/units.h"
#include "watch/config.h"
#include "watch/trigger.h"

static void explain_builtin(struct strbuf *out)
{
	strbuf_add(out, _("Always, for a process below a memory limit: a capture"));
	for (int i = 0; i < TRIGGER_STAGES; i++)
		strbuf_addf(out, "%s%d%%",
			    i == 0 ? _(" when what the kernel cannot take back reaches ")
			    : i == TRIGGER_STAGES - 1 ? _(" and ")
						      : _(", "),
			    trigger_stage_percent(i));
	strbuf_addf(
		out,
		_(" of the limit;\none when the slope reaches the limit within %s; near the limit "
		  "one each %s.\nThe newest becomes the incident when the process is killed.\n"
		  "Baselines, to compare with, in calm times.\n"),
		human_duration(TRIGGER_HORIZON_NS).text, human_duration(TRIGGER_NEAR_NS).text);
}

static void explain_only(const struct watch_rule *rule, struct strbuf *out)
{
	const char *const names[] = {N_("name"), N_("container"), "cgroup"};
	const char *const patterns[] = {rule->only_name, rule->only_container, rule->only_cgroup};
	int count = 0;
	for (int i = 0; i < 3; i++) {
		if (!patterns[i][0])
			continue;
		strbuf_addf(out, _("%s%s matches "),
			    count++ ? _(" and whose ") : _("  only for those whose "), _(names[i]));
		strbuf_add_safe(out, patterns[i]);
	}
	if (count)
		strbuf_add(out, "\n");
}

static void explain_relief(const struct rule_relief *relief, struct strbuf *out)
{
	if (relief->memory_limit[0] || relief->gogc[0])
		strbuf_add(out, _("  then CHANGES the process, as `whyoom relieve PID"));
	if (relief->memory_limit[0])
		strbuf_addf(out, _(" --memory-limit %s"), relief->memory_limit);
	if (relief->gogc[0])
		strbuf_addf(out, _(" --gogc %s"), relief->gogc);
	if (relief->memory_limit[0] || relief->gogc[0])
		strbuf_add(out, _("` does, if that can help\n"));
	if (relief->cgroup_limit[0])
		strbuf_addf(out,
			    _("  then CHANGES the limit of its cgroup, as `whyoom relieve --cgroup "
			      "PATH --limit %s` does\n"),
			    relief->cgroup_limit);
}

static void explain_run(const struct rule_run *run, struct strbuf *out)
{
	const char *word = run->words;
	strbuf_add(out, _("  then runs"));
	for (int i = 0; i < run->count; i++, word += strlen(word) + 1) {
		strbuf_add(out, " ");
		strbuf_add_safe(out, word);
	}
	strbuf_add(out, _(" INCIDENT, as "));
	strbuf_add_safe(out, run->user[0] ? run->user : _("nobody, without privileges"));
	strbuf_addf(out, _(", for %s at most\n"), human_duration(run->timeout_ns).text);
}

static void explain_costs(const struct condition *condition, struct strbuf *out)
{
	for (size_t i = 0; i < condition->count; i++) {
		const struct metric_row *row = &metrics[condition->terms[i].metric];
		if (row->source == METRIC_FROM_SAMPLE && !row->hosts[0])
			continue;
		strbuf_addf(out, _("  %s costs %s"), row->name, i18n_text(row->cost));
		if (row->hosts[0])
			strbuf_addf(out, _("; not known %s"), i18n_text(row->hosts));
		strbuf_add(out, "\n");
	}
}

static void explain_rule(const struct watch_rule *rule, struct strbuf *out)
{
	strbuf_addf(out, _("\nTrigger %s: when "), rule->name);
	condition_explain(&rule->condition, out);
	strbuf_add(out, "\n");
	explain_only(rule, out);
	strbuf_add(out, _("  takes an incident"));
	strbuf_addf(out, _(", again after %s at the earliest, %d an hour at most\n"),
		    human_duration(rule->cooldown_ns).text, rule->quota);
	if (rule->hold)
		strbuf_add(out, _("  from then on HOLDS the kernel's kill, as --hold does\n"));
	if (rule->relieve)
		explain_relief(&rule->relief, out);
	for (size_t i = 0; i < rule->run_count; i++)
		explain_run(&rule->runs[i], out);
	explain_costs(&rule->condition, out);
}

static void explain_keep(const struct watch_keep *keep, struct strbuf *out)
{
	strbuf_add(out, _("\nIncidents: "));
	if (!keep->count && !keep->age_ns && !keep->size_bytes) {
		strbuf_add(out, _("all are kept.\n"));
		return;
	}
	strbuf_add(out, _("the oldest are removed"));
	if (keep->count)
		strbuf_addf(out, _(" beyond %d"), keep->count);
	if (keep->age_ns)
		strbuf_addf(out, _("%s after %s"), keep->count ? _(",") : "",
			    human_duration(keep->age_ns).text);
	if (keep->size_bytes)
		strbuf_addf(out, _("%s beyond %s together"),
			    keep->count || keep->age_ns ? _(",") : "",
			    human_bytes(keep->size_bytes).text);
	strbuf_add(out, _("; never the newest.\n"));
}

void config_explain(const struct watch_config *config, struct strbuf *out)
{
	explain_builtin(out);
	for (size_t i = 0; i < config->rule_count; i++)
		explain_rule(&config->rules[i], out);
	explain_keep(&config->keep, out);
	strbuf_addf(
		out,
		_("\nThe watch itself: sampling slows down, and it is said, above %s of a core; it "
		  "is said above %s.\n"),
		metric_text(METRIC_PERCENT, config->budget.cpu_permyriad).text,
		human_bytes(config->budget.memory_bytes).text);
}
