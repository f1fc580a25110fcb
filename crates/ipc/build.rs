//! Gives every build whose messages differ another id: a helper binary of another build is then refused at its first
//! message instead of misunderstanding it.

use std::path::Path;
use std::{env, fs};

/// The crates whose types travel between processes.
const SHAPES_MESSAGES: [&str; 4] = ["../ipc/src", "../settings/src", "../events/src", "../sys/src"];

fn main() {
    let mut fingerprint: u64 = 0xcbf2_9ce4_8422_2325;
    for folder in SHAPES_MESSAGES {
        println!("cargo::rerun-if-changed={folder}");
        let mut files: Vec<_> = rust_files(Path::new(folder));
        files.sort();
        for file in files {
            for byte in fs::read(&file).unwrap_or_default() {
                fingerprint = (fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3); // FNV-1a
            }
        }
    }
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let profile = env::var("PROFILE").unwrap_or_default();
    println!("cargo::rustc-env=BULKHEAD_BUILD_ID={version}-{profile}-{fingerprint:016x}");
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
