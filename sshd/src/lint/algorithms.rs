//! Sets of algorithms that leave no client.

use keys::PrivateKey;
use settings::algorithms::{CIPHERS, KEX, MACS};
use settings::keywords::Id;

use super::Lint;

/// What clients offer besides the server's own defaults (OpenSSH 7.4 and later, PuTTY, libssh, Dropbear, paramiko).
const ALSO_OFFERED: [&str; 6] = [
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha1",
    "mlkem768nistp256-sha256",
];

pub(super) fn look(lint: &mut Lint<'_>, host_keys: &[PrivateKey]) {
    let offered = |defaults: &[&str], ours: &[String]| {
        ours.iter().any(|name| defaults.contains(&name.as_str()) || ALSO_OFFERED.contains(&name.as_str()))
    };
    let global = lint.global.clone();
    let authenticated = global.ciphers.iter().any(|cipher| cipher.contains("gcm@") || cipher.starts_with("chacha20"));
    let lists = [
        (Id::KexAlgorithms, offered(KEX.default, &global.kex_algorithms)),
        (Id::Ciphers, offered(CIPHERS.default, &global.ciphers)),
        (Id::Macs, authenticated || offered(MACS.default, &global.macs)),
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

fn host_key_algorithms(lint: &mut Lint<'_>, host_keys: &[PrivateKey]) {
    let wanted = &lint.global.host_key_algorithms;
    let usable = |key: &PrivateKey| key.algorithms().iter().any(|name| wanted.iter().any(|wanted| wanted == name));
    if !host_keys.is_empty() && !wanted.is_empty() && !host_keys.iter().any(usable) {
        let place = lint.lines(Id::HostKeyAlgorithms).next().map(|(said, _)| said.place);
        lint.warn(place, "no host key has one of the HostKeyAlgorithms, so no client can connect");
    }
}
