//! The host's `utmp`, for tests that look into it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Account, run};

const UTMP: &str = "/run/utmp";

/// The host's records, with an `utmp` for as long as a test lasts if there is none.
pub struct LoginRecords {
    made: bool,
    _alone: MutexGuard<'static, ()>,
}

impl LoginRecords {
    /// Waits until no other test of this program wants them. Needs root.
    #[must_use]
    pub fn keep() -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let made = !Path::new(UTMP).exists();
        if made {
            File::create(UTMP).expect("a utmp");
        }
        Self { made, _alone: alone }
    }
}

impl Drop for LoginRecords {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(UTMP);
        }
    }
}

/// Whether who(1) takes an account for logged in. It is told the file's name, as it hides whom no process stands behind
/// otherwise.
#[must_use]
pub fn is_shown_by_who(account: &Account) -> bool {
    let shown = run(Command::new("who").arg(UTMP));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    shown.lines().any(|line| line.split_ascii_whitespace().next() == Some(&account.name))
}
