//! The rules of ARCHITECTURE.md, checked on `cargo metadata`, on the sources and on the built programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bulkhead_tests::{binaries, project, run};
use serde_json::Value;

/// Where `unsafe` may stand.
const MAY_BE_UNSAFE: [&str; 4] = ["crates/sys/", "crates/crypto-ffi/", "crates/gssapi/", "crates/pam/"];

/// Where nothing may panic on a peer's bytes.
const READS_PEERS: [&str; 10] = [
    "crates/wire",
    "crates/transport",
    "crates/ipc",
    "crates/keys",
    "crates/sftp",
    "crates/sftp-options",
    "preauth",
    "monitor",
    "session",
    "sftp-server",
];

fn sources() -> Vec<PathBuf> {
    let output = run(Command::new("git").args(["ls-files", "-z", "*.rs"]).current_dir(project()));
    let list = String::from_utf8(output.stdout).unwrap();
    list.split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .filter(|path| project().join(path).exists())
        .collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(project().join(path)).unwrap()
}

/// What each of our packages depends on, directly, in a build that is installed.
fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = run(Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(project()));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata");
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let names =
            package["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null());
        let names = names.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
        found.insert(package["name"].as_str().unwrap().to_owned(), names);
    }
    found
}

fn reaches(graph: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(package) = next.pop() {
        for dependency in graph.get(&package).into_iter().flatten() {
            if reached.insert(dependency.clone()) {
                next.push(dependency.clone());
            }
        }
    }
    reached
}

#[test]
fn nobody_reaches_what_is_not_theirs() {
    let graph = direct_dependencies();
    for (package, forbidden) in [
        ("preauth", &["config", "pam", "gssapi", "tokio", "policy", "sftp", "keys"][..]),
        ("monitor", &["transport", "config", "tokio", "sftp"]),
        ("session", &["config", "pam", "gssapi", "policy", "keys"]),
        ("sshd", &["transport", "pam", "gssapi", "sftp"]),
        ("sftp-server", &["transport", "ipc", "config", "policy", "keys"]),
    ] {
        let reached = reaches(&graph, package);
        for name in forbidden {
            assert!(!reached.contains(*name), "{package} reaches {name}");
        }
    }
    let readers: Vec<&String> =
        graph.iter().filter(|(_, direct)| direct.contains("config")).map(|(name, _)| name).collect();
    assert_eq!(readers, ["sshd"], "only the listener knows the configuration's language");
}

#[test]
fn unsafe_code_stands_where_it_may() {
    let forbids = "#![forbid(unsafe_code)]";
    for path in sources() {
        let name = path.display().to_string();
        let text = read(&path);
        if name.ends_with("src/lib.rs") && !MAY_BE_UNSAFE.iter().any(|folder| name.starts_with(folder)) {
            assert!(text.contains(forbids), "{name} does not forbid unsafe code");
        }
        if MAY_BE_UNSAFE.iter().any(|folder| name.starts_with(folder)) {
            let blocks =
                text.lines().filter(|line| line.contains("unsafe {") && !line.trim_start().starts_with("//")).count();
            let reasons = text.matches("// SAFETY:").count();
            assert!(reasons >= blocks, "{name}: {blocks} unsafe blocks, {reasons} reasons");
        }
    }
}

#[test]
fn nothing_panics_on_bytes_of_a_peer() {
    for folder in READS_PEERS {
        let head = read(format!("{folder}/src/lib.rs"));
        for lint in ["unwrap_used", "expect_used", "indexing_slicing", "panic", "arithmetic_side_effects"] {
            assert!(head.contains(&format!("clippy::{lint}")), "{folder} does not deny clippy::{lint}");
        }
    }
    assert!(read("Cargo.toml").contains("panic = \"abort\""));
}

#[test]
fn proofs_are_made_in_one_place() {
    for path in sources() {
        let name = path.display().to_string();
        let text = read(&path);
        if name != "monitor/src/decide.rs" {
            assert!(!text.contains("ProvenUser {") || name.starts_with("tests/"), "{name} makes a ProvenUser");
        }
        let for_tests = name.contains("/tests/")
            || name.starts_with("tests/")
            || name.starts_with("fuzz/")
            || name.starts_with("sandbox/src");
        if !for_tests && let Some(position) = text.find("not_locked_down_for_a_test") {
            let module = text.find("#[cfg(test)]").is_some_and(|tests| tests < position);
            let own_file = name.contains("test");
            assert!(module || own_file, "{name} pretends to be locked down");
        }
    }
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<usize> = Vec::new();
    for path in sources() {
        let name = path.display().to_string();
        let length = read(&path).lines().count();
        lengths.push(length);
        let table = name == "crates/settings/src/keywords.rs";
        assert!(length <= 800 || table, "{name} has {length} lines");
    }
    lengths.sort_unstable();
    assert!(lengths[lengths.len() / 2] < 250, "the median file has {} lines", lengths[lengths.len() / 2]);
}

#[test]
fn every_fuzz_target_is_built_and_has_seeds() {
    let manifest = read("fuzz/Cargo.toml");
    for target in fs::read_dir(project().join("fuzz/targets")).unwrap() {
        let path = target.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is not in fuzz/Cargo.toml");
        let seeds = fs::read_dir(project().join("fuzz/seeds").join(name)).map_or(0, Iterator::count);
        assert!(seeds > 0, "make fuzz stops at {name}, which has no seeds");
    }
}

#[test]
fn every_dependency_is_explained() {
    let architecture = read("ARCHITECTURE.md");
    let manifest = read("Cargo.toml");
    let external =
        manifest.lines().skip_while(|line| !line.starts_with("# Theirs")).skip(1).take_while(|line| !line.is_empty());
    for line in external.filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '=']).next().unwrap();
        assert!(architecture.contains(&format!("`{name}`")), "ARCHITECTURE.md does not say why there is {name}");
    }
}

/// Its AVX2 code loads 768 coefficients of a peer's key where 761 are: a read behind the heap block, before login.
#[test]
fn sntrup_runs_without_its_vector_code() {
    let resolved = run(Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "transport", "--edges", "normal", "--format", "{p} {f}"])
        .current_dir(project()));
    let resolved = String::from_utf8(resolved.stdout).unwrap();
    let line = resolved.lines().find(|line| line.contains("sntrup v")).expect("transport uses sntrup");
    assert!(line.contains("force-scalar"), "{line}");
}

#[test]
fn the_folders_of_processes_have_short_mains() {
    for main in [
        "sshd/src/main.rs",
        "monitor/src/main.rs",
        "preauth/src/main.rs",
        "session/src/main.rs",
        "session/src/launch_main.rs",
        "sftp-server/src/main.rs",
    ] {
        let length = read(main).lines().count();
        assert!(length <= 25, "{main} has {length} lines");
    }
}

/// The dynamic libraries of a program.
fn libraries(program: &str) -> String {
    let output = run(Command::new("ldd").arg(binaries().join(program)));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn built_programs_link_what_they_may() {
    for program in ["sshd", "sshd-preauth", "sshd-session", "sshd-launch", "sshd-forward", "sftp-server"] {
        let linked = libraries(program);
        for library in ["libpam", "libcrypto", "libssl", "libsystemd", "liblzma", "libkrb5"] {
            assert!(!linked.contains(library), "{program} links {library}");
        }
    }
}

#[test]
fn no_process_waits_for_entropy() {
    // Without AWS_LC_SYS_NO_JITTER_ENTROPY the first random byte costs 30 ms in every process.
    let probe = binaries().join("sshd-preauth");
    let bytes = fs::read(&probe).unwrap();
    let needle = b"jent_entropy_init";
    let symbols = run(Command::new("nm").arg(&probe));
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    assert!(!symbols.contains("jent_"), "aws-lc was built with the jitter entropy source");
    assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    let fastest = (0..20)
        .map(|_| {
            let before = Instant::now();
            // With nobody at descriptor 3 it ends at once, after everything that runs before main.
            let _ = run(Command::new(&probe).env_clear());
            before.elapsed()
        })
        .min()
        .unwrap();
    assert!(fastest < Duration::from_millis(60), "the process before login takes {fastest:?} to start and end");
}
