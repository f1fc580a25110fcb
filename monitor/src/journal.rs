//! Where the steps of a decision go: into the log of a connection, or into an explanation.

use std::time::Duration;

use events::monitor::Event;
use policy::Step;

use crate::connection::step_event;

/// Whoever takes down how a decision came about. Decisions are made by the same functions whichever it is.
pub(crate) trait Journal {
    /// Takes down one line.
    fn log(&mut self, event: &Event);

    /// What LoginGraceTime leaves; `None` when it sets no limit.
    fn time_left(&self) -> Option<Duration>;

    /// Takes down how a decision came about.
    fn log_steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.log(&step_event(step));
        }
    }
}
