//! When new keys are due (RFC 4253 section 9, RFC 4344 section 3, `RekeyLimit`).

use std::time::Duration;

use crate::{
    ServerSettings,
    ciphers::{DirectionKeys, Position},
    limits::PACKETS_BEFORE_REKEY,
    packets::Direction,
};

/// Since when the present keys are in use.
#[derive(Debug, Default)]
pub(crate) struct RekeyClock {
    since: Option<Duration>,
}

impl RekeyClock {
    /// There are new keys.
    pub(crate) fn restart(&mut self) {
        self.since = None;
    }

    pub(crate) fn is_due(
        &mut self,
        settings: &ServerSettings,
        incoming: &Direction<impl Default>,
        outgoing: &Direction<impl Default>,
        now: Duration,
    ) -> bool {
        let since = *self.since.get_or_insert(now);
        let by_time = settings.rekey_seconds > 0 && now.saturating_sub(since).as_secs() >= settings.rekey_seconds;
        by_time
            || is_due_by_use(settings, incoming.keys.as_ref(), &incoming.position)
            || is_due_by_use(settings, outgoing.keys.as_ref(), &outgoing.position)
    }
}

fn is_due_by_use(settings: &ServerSettings, keys: Option<&DirectionKeys>, position: &Position) -> bool {
    let Some(keys) = keys else {
        return false;
    };
    let by_cipher = keys.cipher.bytes_before_rekey();
    let bytes = if settings.rekey_bytes > 0 { by_cipher.min(settings.rekey_bytes) } else { by_cipher };
    position.bytes >= bytes || position.packets >= PACKETS_BEFORE_REKEY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{keys_for_a_test, settings_for_a_test};

    fn due(change: impl Fn(&mut ServerSettings), cipher: &str, position: Position) -> bool {
        let mut settings = settings_for_a_test();
        change(&mut settings);
        is_due_by_use(&settings, Some(&keys_for_a_test(cipher, "hmac-sha2-256")), &position)
    }

    #[test]
    fn each_limit_counts() {
        let bytes = |bytes| Position { bytes, ..Position::default() };
        let packets = |packets| Position { packets, ..Position::default() };
        let default = |_: &mut ServerSettings| {};
        let million = |settings: &mut ServerSettings| settings.rekey_bytes = 1_000_000;
        let chacha = "chacha20-poly1305@openssh.com";
        assert!(!due(default, chacha, bytes((1 << 30) - 1)));
        assert!(due(default, chacha, bytes(1 << 30)));
        assert!(!due(default, "aes128-ctr", bytes((1 << 36) - 1)));
        assert!(due(default, "aes128-ctr", bytes(1 << 36)));
        assert!(due(million, "aes256-gcm@openssh.com", bytes(1_000_000)));
        assert!(!due(million, "aes256-gcm@openssh.com", bytes(999_999)));
        assert!(!due(default, chacha, packets((1 << 31) - 1)));
        assert!(due(default, chacha, packets(1 << 31)));
    }

    #[test]
    fn time_runs_from_the_first_look() {
        let mut settings = settings_for_a_test();
        settings.rekey_seconds = 60;
        let (incoming, outgoing) = (Direction::<()>::unprotected(), Direction::<()>::unprotected());
        let mut clock = RekeyClock::default();
        let mut due_at = |second| clock.is_due(&settings, &incoming, &outgoing, Duration::from_secs(second));
        assert!(!due_at(1000));
        assert!(!due_at(1059));
        assert!(due_at(1060));
        clock.restart();
        assert!(!clock.is_due(&settings, &incoming, &outgoing, Duration::from_secs(1061)));
    }
}
