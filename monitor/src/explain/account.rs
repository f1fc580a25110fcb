//! Who it is, which settings hold for them, and the gates in front of their account.

use settings::values::Choice as _;
use settings::{Effective, MatchFacts};

use super::Question;
use super::report::Report;
use crate::answers::look_up_user::{known_account, match_facts};
use crate::candidate::{Candidate, Known, connection_facts};
use crate::host_name;
use crate::journal::Journal as _;

impl Question {
    /// Somebody who may try to log in. Behind closed gates nothing is looked at: a real login would meet a decoy there.
    pub(super) fn account(&self, report: &mut Report) -> Option<Candidate> {
        let claimed = self.start.user.clone();
        let user = claimed.split(':').next().unwrap_or_default().to_owned();
        report.section("account");
        let known = known_account(report, &user);
        describe(report, known.as_ref());
        let mut from = connection_facts(&self.start.facts);
        from.routing_domain.clone_from(&self.start.routing_domain);
        from.host_name = self.host_name(report, &from);
        let facts = match_facts(&user, known.as_ref(), &from);
        let effective = self.settings.resolve(&facts);
        self.settings(report, &facts, &effective);
        report.section("gates");
        let verdict = policy::account_gates(&effective, &user, known.as_ref().map(|known| &known.facts), &from);
        report.log_steps(&verdict.steps);
        match (verdict.outcome, known) {
            (Ok(()), Some(known)) => Some(Candidate::who_may_log_in(claimed, user, known, from, effective)),
            (outcome, _) => {
                report.refuse(outcome.err().map(|refusal| refusal.to_string()).unwrap_or_default());
                None
            }
        }
    }

    /// A name counts only with UseDNS, as for a real connection.
    fn host_name(&self, report: &mut Report, from: &policy::ConnectionFacts) -> Option<String> {
        let use_dns = self.settings.global().use_dns;
        match &self.start.host_name {
            Some(name) if use_dns => Some(name.clone()),
            Some(name) => {
                report.say(format!("host={name} is not looked at: UseDNS is no"));
                None
            }
            None => host_name::look_up(report, use_dns, from.address).ok().flatten(),
        }
    }

    fn settings(&self, report: &mut Report, facts: &MatchFacts, effective: &Effective) {
        report.section("settings");
        for (number, block) in self.settings.blocks.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let holds = if self.settings.holds(number, facts) { "matches" } else { "does not match" };
            report.say(format!("Match block at {} {holds}", self.settings.name_of(block.place)));
        }
        if self.settings.blocks.is_empty() {
            report.say("there is no Match block");
        }
        report.say(format!("LogLevel is {}", effective.log_level.word()));
    }
}

fn describe(report: &mut Report, known: Option<&Known>) {
    match known {
        Some(Known { facts, .. }) => report.say(format!(
            "{} has uid {}, groups {}, home {}, shell {}",
            facts.name,
            facts.uid,
            facts.groups.join(" "),
            facts.home.display(),
            facts.shell.display()
        )),
        None => report.say("there is no such account that could log in here"),
    }
}
