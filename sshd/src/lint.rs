//! `sshd -t` as a reader who thinks along: lines that are valid and surely do not mean what they say. A warning names its
//! place, what will happen, and the remedy; it never makes a configuration unusable.
//!
//! Files that distributions ship and hardening guides recommend must pass without a word about their meaning; the tests
//! run over such files. Tools take any text of `sshd -t` for trouble, so what may well be meant, or meant for another
//! host, is only a *remark*: it is for people, at a terminal or with `--strict`.

mod algorithms;
mod blocks;
mod files;
mod logins;
mod odd_values;
mod without_effect;

use config::Loaded;
use settings::keywords::Id;
use settings::{Effective, Place, Said, Setting};

use crate::listen::host_keys::HostKeys;

/// What is being looked at, and what was found.
pub(crate) struct Lint<'a> {
    loaded: &'a Loaded,
    global: Effective,
    /// Blocks that say RefuseConnection.
    refused_blocks: Vec<u32>,
    warnings: Vec<Warning>,
}

struct Warning {
    place: Option<Place>,
    text: String,
    is_remark: bool,
}

/// Warnings about a configuration that can be used, in reading order. `host_keys` is what its key files came to.
pub(crate) fn warnings(loaded: &Loaded, host_keys: &HostKeys, with_remarks: bool) -> Vec<String> {
    let refuses = |said: &Said| said.block.filter(|_| matches!(said.setting, Setting::RefuseConnection(true)));
    let refused_blocks = loaded.settings.said.iter().filter_map(refuses).collect();
    let mut lint = Lint { loaded, global: loaded.settings.global(), refused_blocks, warnings: Vec::new() };
    without_effect::look(&mut lint);
    blocks::look(&mut lint);
    files::look(&mut lint);
    logins::look(&mut lint);
    algorithms::look(&mut lint, &host_keys.usable);
    files::look_at_keys(&mut lint, host_keys);
    odd_values::look(&mut lint);
    // The sort is stable: what is about the whole comes last, in the order in which it was found.
    lint.warnings.sort_by_key(|warning| warning.place.map_or((1, 0, 0), |place| (0, place.file, place.line)));
    let shown = |warning: &Warning| match warning.place {
        Some(place) => format!("{}: warning: {}", loaded.settings.name_of(place), warning.text),
        None => format!("warning: {}", warning.text),
    };
    lint.warnings.iter().filter(|warning| with_remarks || !warning.is_remark).map(shown).collect()
}

impl<'a> Lint<'a> {
    fn warn(&mut self, place: impl Into<Option<Place>>, text: impl Into<String>) {
        self.warnings.push(Warning { place: place.into(), text: text.into(), is_remark: false });
    }

    /// Something that may well be meant.
    fn remark(&mut self, place: impl Into<Option<Place>>, text: impl Into<String>) {
        self.warnings.push(Warning { place: place.into(), text: text.into(), is_remark: true });
    }

    /// Whether the line speaks about connections that are refused, so that what it says matters to nobody.
    fn is_refused(&self, said: &Said) -> bool {
        self.refused_blocks.iter().any(|block| said.block == Some(*block))
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

    /// Warnings and remarks about a text.
    fn warned(text: &str) -> Vec<String> {
        said(text, true)
    }

    fn said(text: &str, with_remarks: bool) -> Vec<String> {
        let directory = std::env::temp_dir().join(format!("bulkhead-lint-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("sshd_config");
        std::fs::write(&file, text.replace("@DIR@", directory.to_str().unwrap())).unwrap();
        let loaded = config::load(&config::LoadRequest { file: Some(file), ..Default::default() }).unwrap();
        let warnings = warnings(&loaded, &HostKeys::default(), with_remarks);
        std::fs::remove_dir_all(&directory).unwrap();
        warnings
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

    /// What plain `sshd -t` says, however its standard error is connected.
    fn is_always_said(text: &str, about: &str) {
        let warnings = said(text, false);
        assert!(warnings.iter().any(|warning| warning.contains(about)), "{text:?}: {warnings:?}");
    }

    /// What is for people alone.
    fn is_a_remark(text: &str, about: &str) {
        assert_eq!(said(text, false), Vec::<String>::new(), "{text:?}");
        let remarks = said(text, true);
        assert!(remarks.iter().any(|remark| remark.contains(about)), "{text:?}: {remarks:?}");
    }

    /// Drop-in files of a main file that includes them first.
    fn with_drop_ins(drop_ins: &[(&str, &str)], main: &str, judge: fn(&str, &str), about: &str) {
        let folder =
            std::env::temp_dir().join(format!("bulkhead-lint-{}-{about}.d", std::process::id()).replace(' ', "_"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in drop_ins {
            std::fs::write(folder.join(name), text).unwrap();
        }
        judge(&format!("Include {}/*.conf\n{main}", folder.display()), about);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn drop_in_files_that_undo_what_was_forbidden() {
        let cloud = ("50-cloud-init.conf", "PasswordAuthentication yes\n");
        with_drop_ins(&[cloud], "PasswordAuthentication no\n", is_always_said, "line 2: warning: no effect: Pass");
        let mine = ("60-mine.conf", "PasswordAuthentication no\n");
        with_drop_ins(&[cloud, mine], "", is_always_said, "60-mine.conf line 1: warning: no effect");
        // Ubuntu's images come with this one.
        let image = ("60-cloudimg-settings.conf", mine.1);
        with_drop_ins(&[cloud, image], "", is_a_remark, "60-cloudimg-settings.conf line 1: warning: no effect");
    }

    #[test]
    fn drop_in_files_that_win_over_own_lines() {
        let drop_in = ("10-a.conf", "MaxSessions 3\nX11Forwarding no\nPermitRootLogin no\n");
        with_drop_ins(&[drop_in], "MaxSessions 4\n", is_always_said, "line 2: warning: no effect: MaxS");
        // A line of the distribution, and a later file that allows more, are meant to lose.
        with_drop_ins(&[drop_in], "X11Forwarding yes\n", is_a_remark, "line 2: warning: no effect: X11");
        let late = ("90-b.conf", "PermitRootLogin yes\n");
        with_drop_ins(&[drop_in, late], "", is_a_remark, "90-b.conf line 1: warning: no effect");
    }

    #[test]
    fn what_can_have_no_effect_here() {
        is_always_said("LogVerbose x\n", "has no effect: ");
        assert!(said("PasswordAuthentication yes\nX11Forwarding no\nAllowTcpForwarding no\n", true).is_empty());
    }

    #[test]
    fn plain_t_says_every_kind() {
        for (text, about) in [
            ("MaxAuthTries 3\nMaxAuthTries 4\n", "line 2: warning: no effect"),
            ("Match User fred\n X11Forwarding no\n\nPermitRootLogin no\n", "looks global"),
            ("Include /no/such/file\n", "no file matches"),
            ("Include ~/x.conf\n", "\"~\" is not expanded"),
            ("ForceCommand internal-sftpp\n", "did you mean internal-sftp"),
            ("Subsystem sftp /no/such/sftp-server\n", "internal-sftp needs no program"),
            ("PasswordAuthentication no\nMatch User x\n AuthenticationMethods password\n", "can never be completed"),
            ("AllowUsers fred\nDenyUsers f*\n", "the denial wins"),
            ("Ciphers -*\n", "leaves no algorithm"),
            ("LoginGraceTime .5\n", "no limit"),
            ("ChrootDirectory /tmp\n", "chmod go-w /tmp"),
            ("AuthorizedKeysCommand /etc/passwd\nAuthorizedKeysCommandUser nobody\n", "not an executable file"),
            ("AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser nosuchuser\n", "no account \"nosuchuser\""),
            ("RevokedKeys /etc/no-such-file\n", "nobody can log in by public key"),
            ("TrustedUserCAKeys /etc/no-such-file\n", "no certificate can log in"),
        ] {
            is_always_said(text, about);
        }
    }

    #[test]
    fn what_may_be_meant_for_another_host_is_a_remark() {
        is_a_remark("Banner /etc/no-such-banner\n", "Banner");
        is_a_remark("ChrootDirectory /no/such\n", "logins fail");
        is_a_remark("AuthorizedKeysCommand /no/such/x\nAuthorizedKeysCommandUser nosuchuser\n", "no account");
    }

    #[test]
    fn nobody_needs_advice_about_connections_that_are_refused() {
        let text = "Match User root\n RefuseConnection yes\n AllowUsers m\n DenyUsers m\n Banner /x\n IPQoS none\n";
        assert!(said(text, true).is_empty(), "{:?}", said(text, true));
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
    fn options_that_internal_sftp_would_not_follow() {
        let always = is_always_said;
        always("ForceCommand internal-sftp -P rmdir,remoev -R\n", "knows no request \"remoev\"");
        always("Subsystem sftp internal-sftp -u 0999\n", "Invalid umask \"0999\"; then no files are served");
        always(
            "Match User x\n ForceCommand internal-sftp -z\n",
            "line 2: warning: ForceCommand: internal-sftp: invalid",
        );
        always("ForceCommand internal-sftp -d /srv/%h\n", "unknown key %h");
        always("ForceCommand internal-sftp -h\n", "serve no files");
        let good = "internal-sftp -R -d '/a b/%u' -l VERBOSE -f LOCAL3 -u 027 -m 640 -P remove,posix-rename";
        assert!(said(&format!("Subsystem sftp {good}\nForceCommand {good}\n"), true).is_empty());
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
        assert!(warned("KexAlgorithms diffie-hellman-group14-sha256\nCiphers 3des-cbc\nMACs hmac-md5\n").is_empty());
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
