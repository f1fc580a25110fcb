//! PubkeyAuthOptions: what signatures of security keys must prove.

use serde::{Deserialize, Serialize};

use crate::{Arguments, Complaint, Kind};

/// Demands on signatures made with `sk-` keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PubkeyAuthOptions {
    /// Somebody touched the key, whatever `no-touch-required` says.
    pub touch_required: bool,
    /// The key verified its owner (PIN).
    pub verify_required: bool,
}

/// Words, any case.
pub struct PubkeyOptions;

impl Kind for PubkeyOptions {
    type Value = PubkeyAuthOptions;
    const WRITTEN: &'static str = "none|touch-required|verify-required...";

    /// No word at all is accepted and means none, as theirs.
    fn parse(arguments: &mut Arguments<'_>) -> Result<PubkeyAuthOptions, Complaint> {
        let mut options = PubkeyAuthOptions::default();
        for word in arguments.rest() {
            if word.eq_ignore_ascii_case("touch-required") {
                options.touch_required = true;
            } else if word.eq_ignore_ascii_case("verify-required") {
                options.verify_required = true;
            } else if !word.eq_ignore_ascii_case("none") {
                return Err(Complaint::counted(format!("unsupported option \"{word}\"")));
            }
        }
        Ok(options)
    }

    fn show(value: &PubkeyAuthOptions, _from_match: bool) -> Vec<String> {
        vec![
            match (value.touch_required, value.verify_required) {
                (false, false) => "none",
                (true, false) => "touch-required",
                (false, true) => "verify-required",
                (true, true) => "touch-required verify-required",
            }
            .to_owned(),
        ]
    }
}
