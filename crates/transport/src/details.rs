//! What somebody who debugs wants to see of the transport: what both sides offer, what came of it, which packets go by.

use wire::{NameList, Reader, WireError, msg};

use crate::{Negotiated, Transport};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// From 1 (`debug1:`) to 3.
    pub depth: u8,
    /// In theirs' words.
    pub text: String,
}

/// Lines that wait for the owner; others are dropped. The two proposals of a key exchange have 26 together.
const MOST_WAITING: usize = 128;

/// Longest list of names that is shown, in bytes.
const LONGEST_LIST: usize = 3500;

/// Lines that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// The deepest that is wanted; 0 for none.
    wanted: u8,
    waiting: Vec<Detail>,
}

impl Details {
    /// Whether details of this depth are wanted.
    pub(crate) fn wants(&self, depth: u8) -> bool {
        depth <= self.wanted
    }

    /// Makes a line, if somebody wants it.
    pub(crate) fn note(&mut self, depth: u8, text: impl FnOnce() -> String) {
        if self.wants(depth) && self.waiting.len() < MOST_WAITING {
            self.waiting.push(Detail { depth, text: text() });
        }
    }
}

impl Transport {
    /// From here on details down to this depth wait for [`Transport::take_details`]; 0 for none.
    pub fn want_details(&mut self, depth: u8) {
        self.details.wanted = depth;
    }

    /// Whether there is something to show.
    #[must_use]
    pub fn has_details(&self) -> bool {
        !self.details.waiting.is_empty()
    }

    /// What there is to show since the last call, in its order.
    pub fn take_details(&mut self) -> Vec<Detail> {
        std::mem::take(&mut self.details.waiting)
    }

    /// A packet that goes by; not those that carry data, as theirs.
    pub(crate) fn note_packet(&mut self, way: &str, number: u8) {
        let carries_data = matches!(
            number,
            msg::SSH_MSG_CHANNEL_DATA | msg::SSH_MSG_CHANNEL_EXTENDED_DATA | msg::SSH_MSG_CHANNEL_WINDOW_ADJUST
        );
        if !carries_data {
            self.details.note(3, || format!("{way} packet: type {number}"));
        }
    }

    /// Every list of a KEXINIT: who offers nothing that the other side has sees it here.
    pub(crate) fn note_proposal(&mut self, whose: &str, kexinit: &[u8]) {
        self.details.note(2, || format!("{whose} KEXINIT proposal"));
        // What cannot be read is an error elsewhere.
        for line in proposal(kexinit).into_iter().flatten() {
            self.details.note(2, || line);
        }
    }

    pub(crate) fn note_agreement(&mut self, agreed: &Negotiated) {
        for line in agreed.lines() {
            self.details.note(1, || line);
        }
    }
}

fn proposal(kexinit: &[u8]) -> Result<Vec<String>, WireError> {
    const LISTS: [&str; 10] = [
        "KEX algorithms",
        "host key algorithms",
        "ciphers ctos",
        "ciphers stoc",
        "MACs ctos",
        "MACs stoc",
        "compression ctos",
        "compression stoc",
        "languages ctos",
        "languages stoc",
    ];
    let mut reader = Reader::new(kexinit);
    reader.u8()?;
    let _cookie = reader.bytes(16)?;
    let mut lines = Vec::with_capacity(LISTS.len().saturating_add(2));
    for name in LISTS {
        lines.push(format!("{name}: {}", shown(reader.name_list()?)));
    }
    lines.push(format!("first_kex_follows {} ", u8::from(reader.boolean()?)));
    lines.push(format!("reserved {} ", reader.u32()?));
    Ok(lines)
}

fn shown(list: NameList<'_>) -> &str {
    let text = list.as_str();
    text.get(..text.floor_char_boundary(LONGEST_LIST)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{negotiate::our_kexinit, test_support::settings_for_a_test};

    #[test]
    fn nobody_pays_for_what_nobody_wants() {
        let mut details = Details::default();
        details.note(1, || unreachable!("nobody asked"));
        details.wanted = 2;
        details.note(3, || unreachable!("too deep"));
        details.note(2, || "shown".to_owned());
        assert_eq!(details.waiting, [Detail { depth: 2, text: "shown".to_owned() }]);
        (0..1000).for_each(|_| details.note(1, || "more".to_owned()));
        assert_eq!(details.waiting.len(), MOST_WAITING);
    }

    #[test]
    fn a_proposal_has_a_line_for_each_list() {
        let kexinit = our_kexinit(&settings_for_a_test(), [0; 16], true);
        let lines = proposal(&kexinit).unwrap();
        assert_eq!(lines.len(), 12);
        assert!(lines[0].starts_with("KEX algorithms: ") && lines[0].ends_with("kex-strict-s-v00@openssh.com"));
        assert_eq!(lines[11], "reserved 0 ");
        assert!(proposal(&kexinit[..40]).is_err());
    }
}
