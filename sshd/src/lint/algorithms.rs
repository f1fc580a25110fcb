//! Sets of algorithms that leave no client.

use keys::HostKey;
use settings::Effective;
use settings::keywords::Id;

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>, host_keys: &[HostKey]) {
    let global = lint.global.clone();
    let lists = [
        (Id::KexAlgorithms, !global.kex_algorithms.is_empty()),
        (Id::Ciphers, !global.ciphers.is_empty()),
        (Id::Macs, needs_no_mac(&global) || !global.macs.is_empty()),
        (Id::HostKeyAlgorithms, !global.host_key_algorithms.is_empty()),
        (Id::PubkeyAcceptedAlgorithms, !global.pubkey_accepted_algorithms.is_empty()),
    ];
    for (id, some) in lists {
        if let Some((said, typed)) = lint.lines(id).next().filter(|_| !some) {
            let name = settings::Keyword::of(id).name;
            lint.warn(said.place, format!("{name} {typed} leaves no algorithm that a common client offers"));
        }
    }
    host_key_algorithms(lint, host_keys);
}

/// Whether some cipher authenticates by itself: then the MACs are of no interest.
fn needs_no_mac(global: &Effective) -> bool {
    global.ciphers.iter().any(|cipher| cipher.contains("gcm@") || cipher.starts_with("chacha20"))
}

fn host_key_algorithms(lint: &mut Lint<'_>, host_keys: &[HostKey]) {
    let wanted = &lint.global.host_key_algorithms;
    let usable = |key: &HostKey| wanted.iter().any(|name| key.shown_for(name).is_some());
    if !host_keys.is_empty() && !wanted.is_empty() && !host_keys.iter().any(usable) {
        let place = lint.lines(Id::HostKeyAlgorithms).next().map(|(said, _)| said.place);
        lint.warn(place, "no host key has one of the HostKeyAlgorithms, so no client can connect");
    }
}
