//! Certificates that said one thing and were taken for another.

use std::process::Command;

use bulkhead_tests::{Server, has_python_module, public_half, run};

use crate::{authorize, is_in, other_key};

/// Certifies a key with these principals, each as it is: `ssh-keygen` would take them apart at commas.
const CERTIFY: &str = "
import sys, asyncssh
authority, key, *principals = sys.argv[1:]
certificate = asyncssh.read_private_key(authority).generate_user_certificate(
    asyncssh.read_public_key(key + '.pub'), 'an id', principals=principals)
certificate.write_certificate(key + '-cert.pub')
";

/// A server that trusts an authority, and the key that it certifies.
struct Certified {
    server: Server,
    authority: String,
    key: String,
}

impl Certified {
    fn start(test: &str) -> Option<Self> {
        if !has_python_module(test, "asyncssh") {
            return None;
        }
        let server = Server::any("");
        let (authority, key) = (other_key(&server, "authority", "ed25519"), other_key(&server, "certified", "ed25519"));
        Some(Self { server, authority, key })
    }

    /// Trusts the authority with these options.
    fn trust(&self, options: &str) {
        let authority = public_half(&self.server.scratch.path("authority"));
        authorize(&self.server, &format!("cert-authority{options} {authority}"));
    }

    fn lets_in(&self, principals: &[&str]) -> bool {
        let mut python = Command::new("/usr/bin/python3");
        let made = run(python.args(["-c", CERTIFY, &self.authority, &self.key]).args(principals));
        assert!(made.status.success(), "{made:?}");
        is_in(&self.server, &["-o", &format!("IdentityFile={}", self.key)])
    }
}

/// A comma inside one principal made two of it where `principals=` was compared.
#[test]
fn cve_2026_35414_a_comma_does_not_split_a_principal() {
    let Some(certified) = Certified::start("cve_2026_35414_a_comma_does_not_split_a_principal") else { return };
    let name = certified.server.account.name.clone();
    let split = format!("nobody,{name}");
    for options in [String::new(), format!(",principals=\"{name}\""), format!(",principals=\"web,{name}\"")] {
        certified.trust(&options);
        assert!(!certified.lets_in(&[&split]), "{options}");
        assert!(!certified.lets_in(&[&format!("{name},nobody")]), "{options}");
        assert!(certified.lets_in(&["nobody", &name]), "{options}");
    }
    certified.trust(&format!(",principals=\"{name}\""));
    assert!(!certified.lets_in(&["nobody", ""]));
}

/// OpenSSH before 10.3: a certificate for nobody was one for everybody.
#[test]
fn openssh_10_3_certificates_without_principals_are_for_nobody() {
    let test = "openssh_10_3_certificates_without_principals_are_for_nobody";
    let Some(certified) = Certified::start(test) else { return };
    let name = certified.server.account.name.clone();
    for options in [String::new(), format!(",principals=\"{name}\"")] {
        certified.trust(&options);
        assert!(!certified.lets_in(&[]), "{options}");
        assert!(certified.lets_in(&[&name]), "{options}");
    }
}
