//! What a decision is, and the steps that led to it.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::step::Step;

/// A decision with its steps in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict<Granted = ()> {
    /// What was granted, or what stands against it.
    pub outcome: Result<Granted, Refusal>,
    /// How it came to that. The log writes each at its [`Weight`]; a refusal is among them.
    pub steps: Vec<Step>,
}

/// At which level the log writes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Weight {
    /// `FATAL`: the connection ends with it.
    Fatal,
    /// `ERROR`
    Error,
    /// `INFO`
    Info,
    /// `VERBOSE`
    Verbose,
    /// `DEBUG`
    Debug,
}

impl<Granted> Verdict<Granted> {
    /// Whether it is a yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.outcome.is_ok()
    }

    pub(crate) fn allowed(steps: Vec<Step>, granted: Granted) -> Self {
        Self { outcome: Ok(granted), steps }
    }

    pub(crate) fn refused(mut steps: Vec<Step>, refusal: Refusal) -> Self {
        steps.push(Step::Refused(refusal.clone()));
        Self { outcome: Err(refusal), steps }
    }
}
