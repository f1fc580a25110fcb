//! The environment of a command: what it consists of and who wins.

use events::ConnectionFacts;

/// Where programs are looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/games";

/// Where root's programs are looked for.
const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables, one for each name.
#[derive(Debug, Default)]
pub(super) struct Environment(Vec<(String, Vec<u8>)>);

/// What a command's environment is made of.
pub(super) struct Ingredients<'a> {
    pub(super) user: &'a str,
    pub(super) uid: u32,
    pub(super) home: &'a str,
    pub(super) shell: &'a str,
    pub(super) facts: &'a ConnectionFacts,
    /// Device and TERM.
    pub(super) terminal: Option<(&'a str, &'a str)>,
    /// What the client sent and AcceptEnv lets through.
    pub(super) from_client: &'a [(String, Vec<u8>)],
    /// What is forwarded from the client's side.
    pub(super) forwarded: &'a [(String, String)],
    /// `environment=` of the key, as far as PermitUserEnvironment lets it through.
    pub(super) from_key: &'a [(String, String)],
    /// `~/.ssh/environment`, as far as PermitUserEnvironment lets it through.
    pub(super) from_file: &'a [(String, Vec<u8>)],
    /// What PAM's modules set; none without UsePAM.
    pub(super) from_pam: Option<&'a [(String, String)]>,
    /// Where forwarded Kerberos tickets are.
    pub(super) credential_cache: Option<&'a str>,
    /// The file of ExposeAuthInfo.
    pub(super) exposed_file: Option<&'a str>,
    /// SetEnv
    pub(super) set_env: &'a [(String, String)],
    /// What a forced command replaced.
    pub(super) original_command: Option<&'a [u8]>,
    /// What commands get from the environment of the server itself.
    pub(super) inherited: &'a [(String, String)],
}

impl Environment {
    /// Later assignments win over earlier ones: the client cannot change what login means, the administrator has the
    /// last word, and nobody can forge where a connection comes from.
    pub(super) fn of(from: &Ingredients<'_>) -> Self {
        let mut environment = Self::default();
        environment.set_all(from.from_client);
        environment.set("USER", from.user);
        environment.set("LOGNAME", from.user);
        environment.set("HOME", from.home);
        environment.set("PATH", if from.uid == 0 { ROOT_PATH } else { PATH });
        if from.from_pam.is_none() {
            environment.set("MAIL", format!("/var/mail/{}", from.user));
        }
        environment.set("SHELL", from.shell);
        environment.set_all(from.inherited);
        if let Some((_, term)) = from.terminal.filter(|(_, term)| !term.is_empty()) {
            environment.set("TERM", term);
        }
        if let Some(cache) = from.credential_cache {
            environment.set("KRB5CCNAME", cache);
        }
        environment.set_all(from.forwarded);
        environment.set_all(from.from_key);
        environment.set_all(from.from_file);
        environment.set_all(from.from_pam.unwrap_or_default());
        environment.set_all(from.set_env);
        let (peer, local) = (&from.facts.peer, &from.facts.local);
        environment.set("SSH_CLIENT", format!("{} {} {}", peer.address, peer.port, local.port));
        let connection = format!("{} {} {} {}", peer.address, peer.port, local.address, local.port);
        environment.set("SSH_CONNECTION", connection);
        if let Some(file) = from.exposed_file {
            environment.set("SSH_USER_AUTH", file);
        }
        if let Some((device, _)) = from.terminal {
            environment.set("SSH_TTY", device);
        }
        if let Some(command) = from.original_command {
            environment.set("SSH_ORIGINAL_COMMAND", command);
        }
        environment
    }

    fn set_all(&mut self, variables: &[(String, impl AsRef<[u8]>)]) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }

    fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.as_ref().to_vec()));
    }

    /// `NAME=value`, without those that no environment can hold.
    pub(super) fn into_strings(self) -> Vec<Vec<u8>> {
        let possible =
            |(name, value): &(String, Vec<u8>)| !name.is_empty() && !name.contains(['=', '\0']) && !value.contains(&0);
        let joined = |(name, value): (String, Vec<u8>)| [name.as_bytes(), b"=", value.as_slice()].concat();
        self.0.into_iter().filter(possible).map(joined).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Endpoint;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn built(from_client: Pairs<'_>, from_key: Pairs<'_>, set_env: Pairs<'_>) -> Vec<String> {
        let owned = |pairs: Pairs<'_>| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let as_bytes = |pairs: Pairs<'_>| -> Vec<(String, Vec<u8>)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
        };
        let end = |address: &str, port| Endpoint { address: address.to_owned(), port };
        let facts =
            ConnectionFacts { peer: end("192.0.2.7", 50022), local: end("192.0.2.1", 22), ..ConnectionFacts::none() };
        let environment = Environment::of(&Ingredients {
            user: "alice",
            uid: 1000,
            home: "/home/alice",
            shell: "/bin/sh",
            facts: &facts,
            terminal: Some(("/dev/pts/3", "xterm")),
            from_client: &as_bytes(from_client),
            forwarded: &[],
            from_key: &owned(from_key),
            from_file: &as_bytes(&[("F", "file"), ("A", "file")]),
            from_pam: None,
            credential_cache: None,
            exposed_file: None,
            set_env: &owned(set_env),
            original_command: Some(b"id \xff"),
            inherited: &[],
        });
        environment.into_strings().iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect()
    }

    #[test]
    fn a_login_says_where_it_comes_from_and_who_it_is() {
        let environment = built(&[], &[], &[]);
        for expected in [
            "USER=alice",
            "LOGNAME=alice",
            "HOME=/home/alice",
            "SHELL=/bin/sh",
            "MAIL=/var/mail/alice",
            "TERM=xterm",
            "SSH_CLIENT=192.0.2.7 50022 22",
            "SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 22",
            "SSH_TTY=/dev/pts/3",
            "SSH_ORIGINAL_COMMAND=id \u{fffd}",
        ] {
            assert!(environment.iter().any(|variable| variable == expected), "{expected} in {environment:?}");
        }
    }

    #[test]
    fn the_client_cannot_change_what_login_means() {
        let hostile = [("HOME", "/tmp"), ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22"), ("LANG", "C")];
        let environment = built(&hostile, &[], &[]);
        assert!(environment.contains(&"HOME=/home/alice".to_owned()));
        assert!(environment.contains(&"LANG=C".to_owned()));
        assert_eq!(environment.iter().filter(|variable| variable.starts_with("SSH_CONNECTION=")).count(), 1);
        assert!(!environment.iter().any(|variable| variable.contains("10.0.0.1")));
    }

    #[test]
    fn the_administrator_has_the_last_word() {
        let environment = built(&[("A", "client")], &[("A", "key"), ("B", "key")], &[("A", "admin")]);
        assert!(environment.contains(&"A=admin".to_owned()) && environment.contains(&"B=key".to_owned()));
    }

    #[test]
    fn impossible_variables_are_left_out() {
        let environment = built(&[("", "x"), ("A=B", "x"), ("N", "a\0b")], &[], &[]);
        assert!(!environment.iter().any(|variable| variable.ends_with("=x") || variable.contains('\0')));
    }
}
