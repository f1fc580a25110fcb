//! StrictModes, component by component.

use std::path::Path;

use policy::{PathFacts, PathKind, Refusal, Step, strict_modes};

fn facts(path: &str, uid: u32, mode: u32) -> PathFacts {
    let kind = if path.ends_with("keys") { PathKind::File } else { PathKind::Directory };
    PathFacts { path: path.into(), kind, uid, mode }
}

fn ordinary() -> Vec<PathFacts> {
    vec![
        facts("/home/alice/.ssh/keys", 1000, 0o600),
        facts("/home/alice/.ssh", 1000, 0o700),
        facts("/home/alice", 1000, 0o755),
        facts("/home", 0, 0o777),
    ]
}

fn check(components: &[PathFacts]) -> Result<(), String> {
    strict_modes(components, 1000, Some(Path::new("/home/alice"))).outcome.map_err(|refusal| refusal.to_string())
}

#[test]
fn each_component_up_to_the_home_counts() {
    assert_eq!(check(&ordinary()), Ok(()), "what lies above the home does not matter");
    for place in 0..3 {
        for (uid, mode) in [(1000, 0o620), (1000, 0o602), (1000, 0o666), (1001, 0o600), (0, 0o775), (2, 0o755)] {
            let mut components = ordinary();
            (components[place].uid, components[place].mode) = (uid, mode);
            let what = if place == 0 { "file" } else { "directory" };
            let path = components[place].path.display().to_string();
            let expected = format!("Authentication refused: bad ownership or modes for {what} {path}");
            assert_eq!(check(&components), Err(expected), "{uid} {mode:o}");
        }
        for (uid, mode) in [(0, 0o644), (1000, 0o755), (0, 0o1755), (1000, 0o4700)] {
            let mut components = ordinary();
            (components[place].uid, components[place].mode) = (uid, mode);
            assert_eq!(check(&components), Ok(()), "{uid} {mode:o}");
        }
    }
}

#[test]
fn outside_of_the_home_everything_up_to_the_root_counts() {
    let components = |etc_mode| {
        [
            facts("/etc/ssh/keys", 0, 0o644),
            facts("/etc/ssh", 0, 0o755),
            facts("/etc", 0, etc_mode),
            facts("/", 0, 0o755),
        ]
    };
    assert_eq!(check(&components(0o755)), Ok(()));
    assert!(check(&components(0o775)).unwrap_err().ends_with("directory /etc"));
    assert!(strict_modes(&components(0o755), 1000, None).is_allowed(), "the home need not exist");
}

#[test]
fn missing_facts_are_no_yes() {
    for count in 0..3 {
        let refusal = strict_modes(&ordinary()[..count], 1000, Some(Path::new("/home/alice"))).outcome.unwrap_err();
        assert!(matches!(refusal, Refusal::PathNotFollowed { .. }), "{count}: {refusal}");
    }
    let mut skipping = ordinary();
    skipping.remove(1);
    assert!(check(&skipping).is_err());
    let mut elsewhere = ordinary();
    elsewhere[1].path = "/home/bob/.ssh".into();
    assert!(check(&elsewhere).is_err());
}

#[test]
fn only_regular_files() {
    for kind in [PathKind::Directory, PathKind::Other] {
        let mut components = ordinary();
        components[0].kind = kind;
        assert_eq!(
            check(&components).unwrap_err(),
            "Authentication refused: /home/alice/.ssh/keys is not a regular file"
        );
    }
}

#[test]
fn steps_name_owner_and_mode() {
    let mut components = ordinary();
    components[1].mode = 0o770;
    let verdict = strict_modes(&components, 1000, Some(Path::new("/home/alice")));
    let sentences: Vec<String> = verdict.steps.iter().map(Step::to_string).collect();
    assert_eq!(
        sentences,
        [
            "/home/alice/.ssh/keys belongs to uid 1000 and has mode 0600",
            "/home/alice/.ssh belongs to uid 1000 and has mode 0770: unsafe",
            "Authentication refused: bad ownership or modes for directory /home/alice/.ssh"
        ]
    );
}
