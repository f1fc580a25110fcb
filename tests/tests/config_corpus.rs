//! What OpenSSH 10.5 answers to `-t -T -G -C` on the recorded configurations, ours must answer too, to the byte.

use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Scratch, binaries, make_key, project, skipped};

/// The corpus lies beside the project, or further up.
fn corpus() -> Option<PathBuf> {
    project().ancestors().skip(1).map(|above| above.join("shared/config-corpus")).find(|corpus| corpus.is_dir())
}

fn run(corpus: &Path, cases: &str) -> String {
    let output = Command::new(corpus.join("run-config-diff"))
        .args(["-j", "2", "--brief", "--sshd"])
        .arg(binaries().join("sshd"))
        .arg("--site")
        .arg(project().join("tests/config-corpus-site.json"))
        .arg(corpus.join(cases))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_recorded_answer_is_ours_too() {
    let Some(corpus) = corpus() else {
        return skipped("every_recorded_answer_is_ours_too", "the corpus is not there");
    };
    let report = run(&corpus, "cases");
    let verdict = report.lines().last().unwrap_or_default();
    let passed = verdict.split(' ').next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    assert!(verdict.ends_with(" 0 failed") && passed > 0, "{report}");
}

#[test]
fn recorded_mistakes_of_theirs_are_answered_better() {
    const BETTER: [&str; 10] = [
        // An unclosed quote in a keyword.
        "100-quoted-keyword [3]",
        "100-quoted-keyword [4]",
        // NUL bytes.
        "104-bytes [2]",
        "104-bytes [3]",
        "104-bytes [4]",
        // Long patterns.
        "111-long-patterns [2]",
        // Subsystem and PAMServiceName in Match blocks.
        "144-match-subsystem [1]",
        "144-match-subsystem [2]",
        "144-match-subsystem [3]",
        "145-match-pamservicename [1]",
    ];
    let Some(corpus) = corpus() else {
        return skipped("recorded_mistakes_of_theirs_are_answered_better", "the corpus is not there");
    };
    if !nix::unistd::geteuid().is_root() {
        return skipped("recorded_mistakes_of_theirs_are_answered_better", "needs root");
    }
    let report = run(&corpus, "quirks");
    let different: Vec<&str> =
        report.lines().filter_map(|line| line.strip_prefix("quirks/")).filter(|line| line.contains('[')).collect();
    let wrong = different.len() != BETTER.len()
        || different.iter().zip(BETTER).any(|(different, better)| !different.starts_with(better));
    assert!(!wrong, "{report}");
}

/// Files as distributions ship them and guides recommend them.
const SHIPPED: [&str; 8] = [
    "166-debian-12",
    "169-rhel-9",
    "171-openbsd-and-small",
    "172-centos-7",
    "173-cis",
    "174-devsec",
    "175-ssh-audit",
    "177-mozilla",
];

#[test]
fn shipped_files_raise_no_false_alarm() {
    let Some(corpus) = corpus() else {
        return skipped("shipped_files_raise_no_false_alarm", "the corpus is not there");
    };
    for case in SHIPPED {
        let scratch = Scratch::new();
        let key = make_key(&scratch, "host_key", &["-t", "ed25519"]);
        let text = std::fs::read_to_string(corpus.join("cases").join(case).join("sshd_config")).unwrap();
        let own_keys = |line: &&str| !line.contains("@KEYS@");
        let text: Vec<&str> = text.lines().filter(own_keys).collect();
        let text = text.join("\n").replace("@DIR@", scratch.path("").to_str().unwrap());
        let file = scratch.file("sshd_config", text);
        let sshd =
            Command::new(binaries().join("sshd")).args(["-t", "--strict", "-f"]).arg(file).arg("-h").arg(key).output();
        let said = String::from_utf8(sshd.unwrap().stderr).unwrap();
        let alarms: Vec<&str> = said.lines().filter(|line| line.contains("warning")).collect();
        assert!(alarms.is_empty(), "{case}: {alarms:?}");
    }
}
