//! The test modes of `sshd`, where they go beyond theirs.

use std::process::{Command, Output};

use bulkhead_tests::{Scratch, binaries, make_key};

/// A configuration file with a host key, and `sshd` run on it.
struct Configuration {
    scratch: Scratch,
    key: std::path::PathBuf,
}

impl Configuration {
    fn new(text: &str) -> Self {
        let scratch = Scratch::new();
        let key = make_key(&scratch, "host_key", &["-t", "ed25519"]);
        scratch.file("sshd_config", text);
        Self { scratch, key }
    }

    fn sshd(&self, arguments: &[&str]) -> Output {
        Command::new(binaries().join("sshd"))
            .arg("-f")
            .arg(self.scratch.path("sshd_config"))
            .arg("-h")
            .arg(&self.key)
            .args(arguments)
            .current_dir(self.scratch.path(""))
            .output()
            .unwrap()
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.sshd(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn lines_of(dump: &str, keyword: &str) -> Vec<String> {
    let value = |line: &str| line.strip_prefix(keyword)?.strip_prefix(' ').map(ToOwned::to_owned);
    dump.lines().filter_map(value).collect()
}

#[test]
fn a_block_adds_to_the_subsystems_and_replaces_them_by_name() {
    let configuration = Configuration::new(
        "Subsystem sftp internal-sftp\nSubsystem x /x\nMatch User fred\n Subsystem sftp /opt/sftp -R\n Subsystem y /y\n",
    );
    let dump = configuration.printed(&["-G", "-T", "-C", "user=fred"]);
    assert_eq!(lines_of(&dump, "Subsystem"), ["sftp /opt/sftp -R", "x /x", "y /y"]);
    let dump = configuration.printed(&["-G", "-T", "-C", "user=bob"]);
    assert_eq!(lines_of(&dump, "Subsystem"), ["sftp internal-sftp", "x /x"]);
}

#[test]
fn the_pam_service_of_a_block_counts() {
    let configuration = Configuration::new("PAMServiceName g\nMatch User fred\n PAMServiceName f\n");
    assert_eq!(lines_of(&configuration.printed(&["-G", "-T", "-C", "user=fred"]), "PAMServiceName"), ["f"]);
    assert_eq!(lines_of(&configuration.printed(&["-G"]), "PAMServiceName"), ["g"]);
}

#[test]
fn lines_that_theirs_drops_without_a_word_are_errors() {
    for text in
        ["\"PermitRootLogin no\n", "==PermitRootLogin no\n", "Banner /x\0\nPermitRootLogin no\n", "HostKey none\n"]
    {
        let configuration = Configuration::new(text);
        for mode in ["-t", "-T"] {
            let output = configuration.sshd(&[mode]);
            assert_eq!(output.status.code(), Some(255), "{text:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("sshd_config line 1: "), "{output:?}");
        }
    }
}

#[test]
fn patterns_of_any_length_match() {
    let name = "b".repeat(3000);
    let configuration = Configuration::new(&format!("Match User x,{name}\n Banner /b\n"));
    for user in ["x", &name] {
        let dump = configuration.printed(&["-G", "-T", "-C", &format!("user={user}")]);
        assert_eq!(lines_of(&dump, "Banner"), ["/b"]);
    }
}

#[test]
fn lower_case_for_the_tools_that_look_for_it() {
    let configuration = Configuration::new("PermitRootLogin no\n");
    let dump = configuration.printed(&["-G", "--lowercase"]);
    assert_eq!(lines_of(&dump, "permitrootlogin"), ["no"]);
    assert_eq!(dump.to_ascii_lowercase(), configuration.printed(&["-G"]).to_ascii_lowercase());
}

#[test]
fn json_says_where_a_value_comes_from() {
    let configuration = Configuration::new("# first\nPermitRootLogin no\nMatch User fred\n MaxAuthTries 1\n");
    let printed = configuration.printed(&["-G", "-T", "--json", "-C", "user=fred"]);
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["format"], 1);
    let settings = &document["settings"];
    assert_eq!(settings["PermitRootLogin"]["values"][0], "no");
    assert_eq!(settings["PermitRootLogin"]["from"][0]["line"], 2);
    assert_eq!(settings["MaxAuthTries"]["from"][0]["line"], 4);
    assert_eq!(settings["Port"]["from"], "default");
}

#[test]
fn why_names_winners_and_losers() {
    let configuration = Configuration::new(
        "PasswordAuthentication yes\nPasswordAuthentication no\nMatch User fred Address 192.0.2.0/24\n X11Forwarding yes\n",
    );
    let report =
        configuration.printed(&["-G", "-T", "--why", "PasswordAuthentication", "X11Forwarding", "-C", "user=fred"]);
    let file = configuration.scratch.path("sshd_config").display().to_string();
    assert!(report.contains(&format!("PasswordAuthentication yes\n    set by {file} line 1\n")), "{report}");
    assert!(report.contains(&format!("no effect: {file} line 2 (set by {file} line 1)")), "{report}");
    assert!(
        report.contains("User fred: matched") && report.contains("Address 192.0.2.0/24: was not given"),
        "{report}"
    );
    assert!(report.contains("NOT DECIDED: give addr= with -C"), "{report}");
    assert!(!report.contains("Banner"), "{report}");
}

#[test]
fn our_own_keywords_stand_in_the_companion_file() {
    let configuration = Configuration::new("Banner /b\n");
    configuration.scratch.file("bulkhead_config", "SandboxBestEffort yes\n");
    let document: serde_json::Value = serde_json::from_str(&configuration.printed(&["-G", "--json"])).unwrap();
    assert_eq!(document["settings"]["SandboxBestEffort"]["values"][0], "yes");
    // What theirs would print stays what theirs would print.
    assert!(lines_of(&configuration.printed(&["-G"]), "SandboxBestEffort").is_empty());
}

#[test]
fn each_file_holds_its_own_keywords() {
    let configuration = Configuration::new("SandboxBestEffort yes\n");
    let output = configuration.sshd(&["-t"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bulkhead_config"), "{output:?}");

    let configuration = Configuration::new("");
    configuration.scratch.file("bulkhead_config", "# ours\nPort 22\n");
    let output = configuration.sshd(&["-t"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bulkhead_config: line 2: "), "{output:?}");
}

#[test]
fn would_openssh_accept_the_file() {
    let configuration = Configuration::new("\"PermitRootLogin no\nHostKey none\n==x\nBanner /x\0y\n/z\n");
    configuration.scratch.file("bulkhead_config", "Bogus\n");
    assert!(configuration.printed(&["-t", "--as-openssh"]).contains("is accepted by OpenSSH_10.5"));
    let configuration = Configuration::new("SandboxBestEffort yes\n");
    let output = configuration.sshd(&["-t", "--as-openssh"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stdout).contains("is not accepted"), "{output:?}");
}

#[test]
fn warnings_are_printed_and_strict_makes_them_count() {
    let configuration = Configuration::new("ForceCommand internal-sftpp\nLogVerbose x\n");
    for (arguments, status) in [(&["-t"][..], 0), (&["-t", "--strict"], 1)] {
        let output = configuration.sshd(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains("sshd_config line 1: warning: ForceCommand: "), "{said}");
        assert!(said.contains("sshd_config line 2: warning: LogVerbose has no effect: "), "{said}");
    }
    let output = configuration.sshd(&["-t", "-q"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn remarks_are_for_those_who_ask() {
    // Nobody reads, and theirs says nothing about the lines of Debian's own file.
    let configuration = Configuration::new("UsePAM yes\nX11Forwarding yes\nBanner /no/such/file\n");
    let output = configuration.sshd(&["-t"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let output = configuration.sshd(&["-t", "--strict"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{output:?}");
}
