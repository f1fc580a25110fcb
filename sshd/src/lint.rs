//! `sshd -t` as a reader who thinks along: lines that are valid and surely do not mean what they say. A warning names its
//! place, what will happen, and the remedy; it never makes a configuration unusable.
//!
//! Files that distributions ship and hardening guides recommend must pass without a word about their meaning; the tests
//! run over such files.

mod algorithms;
mod blocks;
mod files;
mod logins;
mod odd_values;
mod without_effect;

use config::Loaded;
use settings::keywords::Id;
use settings::{Effective, Place, Said};

use crate::listen::host_keys::HostKeys;

/// What is being looked at, and what was found.
pub(crate) struct Lint<'a> {
    loaded: &'a Loaded,
    global: Effective,
    warnings: Vec<(Option<Place>, String)>,
}

/// Warnings about a configuration that can be used, in reading order. `host_keys` is what its key files came to.
pub(crate) fn warnings(loaded: &Loaded, host_keys: &HostKeys) -> Vec<String> {
    let mut lint = Lint { loaded, global: loaded.settings.global(), warnings: Vec::new() };
    without_effect::look(&mut lint);
    blocks::look(&mut lint);
    files::look(&mut lint);
    logins::look(&mut lint);
    algorithms::look(&mut lint, &host_keys.usable);
    files::look_at_keys(&mut lint, host_keys);
    odd_values::look(&mut lint);
    // The sort is stable: what is about the whole comes last, in the order in which it was found.
    lint.warnings.sort_by_key(|(place, _)| place.map_or((1, 0, 0), |place| (0, place.file, place.line)));
    let shown = |(place, text): &(Option<Place>, String)| match place {
        Some(place) => format!("{}: warning: {text}", loaded.settings.name_of(*place)),
        None => format!("warning: {text}"),
    };
    lint.warnings.iter().map(shown).collect()
}

impl<'a> Lint<'a> {
    fn warn(&mut self, place: impl Into<Option<Place>>, text: impl Into<String>) {
        self.warnings.push((place.into(), text.into()));
    }

    /// All lines about a keyword, with how they were typed.
    fn lines(&self, id: Id) -> impl Iterator<Item = (&'a Said, &'a str)> + use<'a> {
        let typed = self.loaded.typed.iter().map(|typed| typed.value.as_str());
        self.loaded.settings.said.iter().zip(typed).filter(move |(said, _)| said.setting.id() == id)
    }

    /// A place for a sentence about another line.
    fn name(&self, place: Place) -> String {
        self.loaded.settings.name_of(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Warnings about a text, without the file's name; "no effect yet" is left out, since that goes away by itself.
    fn warned(text: &str) -> Vec<String> {
        let directory = std::env::temp_dir().join(format!("bulkhead-lint-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("sshd_config");
        std::fs::write(&file, text.replace("@DIR@", directory.to_str().unwrap())).unwrap();
        let loaded = config::load(&config::LoadRequest { file: Some(file), ..Default::default() }).unwrap();
        let warnings = warnings(&loaded, &HostKeys::default());
        std::fs::remove_dir_all(&directory).unwrap();
        warnings.into_iter().filter(|warning| !warning.contains("has no effect yet")).collect()
    }

    fn is_warned(text: &str, about: &str) {
        let warnings = warned(text);
        assert!(warnings.iter().any(|warning| warning.contains(about)), "{text:?}: {warnings:?}");
    }

    #[test]
    fn lines_that_come_too_late() {
        let included = std::env::temp_dir().join(format!("bulkhead-lint-include-{}", std::process::id()));
        std::fs::write(&included, "PasswordAuthentication yes\n").unwrap();
        is_warned(
            &format!("Include {}\nPasswordAuthentication no\n", included.display()),
            "line 2: warning: no effect",
        );
        assert!(warned(&format!("Include {}\nPasswordAuthentication yes\n", included.display())).is_empty());
        std::fs::remove_file(&included).unwrap();
        is_warned("MaxAuthTries 3\nMaxAuthTries 4\n", "line 2: warning: no effect");
    }

    #[test]
    fn global_looking_lines_in_a_block() {
        is_warned("Match User fred\n    X11Forwarding no\n\nPermitRootLogin no\n", "line 4: warning: PermitRootLogin");
        is_warned("Match User fred\nX11Forwarding no\nPermitRootLogin no\n", "line 3: warning: PermitRootLogin");
        assert!(warned("Match User fred\nX11Forwarding no\nPermitTTY no\n").is_empty());
        assert!(warned("Match User root,fred\nPermitRootLogin no\n").is_empty());
        assert!(warned("Match User fred\n  X11Forwarding no\nMatch all\nPermitTTY no\n").is_empty());
    }

    #[test]
    fn includes_that_find_nothing() {
        is_warned("Include /no/such/file\n", "line 1: warning: no file matches");
        is_warned("Include ~/x.conf\n", "\"~\" is not expanded");
        assert!(warned("Include sshd_config.d/*.conf\n").is_empty());
    }

    #[test]
    fn files_that_are_not_there() {
        is_warned("RevokedKeys /no/such/file\n", "nobody can log in by public key");
        is_warned("Banner /no/such/file\n", "Banner");
        is_warned("Subsystem sftp /no/such/sftp-server\n", "internal-sftp");
        is_warned(
            "AuthorizedKeysCommand /no/such/program\nAuthorizedKeysCommandUser nobody\n",
            "AuthorizedKeysCommand",
        );
        is_warned("Match User x\n ChrootDirectory /no/such/%u\n", "/no/such");
        is_warned("ChrootDirectory /tmp/%u\n", "/tmp");
        assert!(warned("Subsystem sftp /usr/lib/openssh/sftp-server\nChrootDirectory %h\n").is_empty());
    }

    #[test]
    fn commands_that_are_nearly_internal_sftp() {
        is_warned("ForceCommand internal-sftpp\n", "internal-sftp");
        is_warned("Subsystem sftp internal-stfp\n", "internal-sftp");
        assert!(warned("Subsystem sftp internal-sftp -l INFO\n").is_empty());
    }

    #[test]
    fn logins_that_can_never_finish() {
        is_warned(
            "PasswordAuthentication no\nMatch User fred\n AuthenticationMethods publickey,password\n",
            "can never be completed",
        );
        is_warned("AuthenticationMethods keyboard-interactive:pam\n", "UsePAM");
        assert!(warned("AuthenticationMethods publickey,password publickey\n").is_empty());
    }

    #[test]
    fn users_who_are_allowed_and_denied() {
        is_warned("AllowUsers fred bob\nDenyUsers f*\n", "\"fred\"");
        assert!(warned("AllowUsers fred bob\nDenyUsers root\n").is_empty());
    }

    #[test]
    fn algorithms_that_leave_nobody() {
        is_warned("Ciphers -*\n", "Ciphers");
        is_warned("KexAlgorithms diffie-hellman-group1-sha1\n", "KexAlgorithms");
        assert!(warned("KexAlgorithms curve25519-sha256\nCiphers aes256-ctr\nMACs hmac-sha2-256\n").is_empty());
    }

    #[test]
    fn values_that_are_not_what_they_look_like() {
        is_warned("MaxStartups 10:30:100:5\n", "10:30:100");
        is_warned("StreamLocalBindMask 089\n", "octal");
        is_warned("LoginGraceTime .5\n", "no limit");
        is_warned("PermitOpen any host:22\n", "any");
        is_warned("PerSourcePenalties crash:1 no\n", "\"no\"");
        is_warned("RequiredRSASize 512\n", "1024");
        is_warned("SshdSessionPath /usr/lib/openssh/sshd-session\n", "no effect");
    }
}
