//! ChrootDirectory, component by component.

use policy::{ComponentFacts, ComponentUnreachable, Refusal, Step, Weight, chroot_components, components_of};

fn component(path: &str, uid: u32, mode: u32) -> ComponentFacts {
    let owner = (uid == 1000).then(|| "alice".to_owned());
    ComponentFacts { path: path.to_owned(), is_directory: true, uid, owner, mode }
}

fn sound() -> Vec<ComponentFacts> {
    components_of("/srv/files").into_iter().map(|path| component(path, 0, 0o40755)).collect()
}

fn verdict(components: &[ComponentFacts]) -> policy::Verdict {
    chroot_components("/srv/files", &components.iter().cloned().map(Ok).collect::<Vec<_>>())
}

fn refusal(components: &[ComponentFacts]) -> Option<String> {
    verdict(components).outcome.err().map(|refusal| refusal.to_string())
}

#[test]
fn every_component_must_be_roots_alone() {
    assert_eq!(refusal(&sound()), None);
    for place in 0..3 {
        for (uid, mode) in [(1000, 0o755), (1, 0o700), (0, 0o775), (0, 0o757), (0, 0o1777), (1000, 0o777)] {
            let mut components = sound();
            components[place] = component(&components[place].path.clone(), uid, mode);
            let shown = ["component \"/\"", "component \"/srv/\"", "\"/srv/files\""][place];
            assert_eq!(refusal(&components), Some(format!("bad ownership or modes for chroot directory {shown}")));
        }
    }
}

#[test]
fn a_refusal_is_fatal_and_its_step_repairs() {
    let mut components = sound();
    components[1] = component("/srv/", 1000, 0o40775);
    components[2] = component("/srv/files", 0, 0o41777);
    let verdict = verdict(&components);
    let said: Vec<(Weight, String)> = verdict.steps.iter().map(|step| (step.weight(), step.to_string())).collect();
    let lines = [
        (Weight::Debug, "/ belongs to uid 0 and has mode 0755"),
        (
            Weight::Error,
            "ChrootDirectory: /srv belongs to alice (uid 1000) and has mode 0775: chown root /srv && chmod go-w /srv",
        ),
        (Weight::Error, "ChrootDirectory: /srv/files belongs to uid 0 and has mode 1777: chmod go-w /srv/files"),
        (Weight::Fatal, "bad ownership or modes for chroot directory component \"/srv/\""),
    ];
    assert_eq!(said, lines.map(|(weight, text)| (weight, text.to_owned())));
}

#[test]
fn what_is_no_absolute_directory_is_refused() {
    assert_eq!(chroot_components("srv", &[]).outcome, Err(Refusal::ChrootNotAbsolute));
    assert_eq!(chroot_components("/srv", &[]).outcome, Err(Refusal::ChrootNotAbsolute), "nothing was looked at");
    let mut components = sound();
    components[2].is_directory = false;
    assert_eq!(refusal(&components).as_deref(), Some("chroot path \"/srv/files\" is not a directory"));
    let missing = ComponentUnreachable { path: "/srv/".to_owned(), error: "No such file".to_owned(), is_missing: true };
    let verdict_of = |unreachable| chroot_components("/srv/files", &[Ok(sound()[0].clone()), Err(unreachable)]);
    // A link that leads nowhere cannot be made a directory by the same command.
    let dangling = ComponentUnreachable { is_missing: false, ..missing.clone() };
    assert!(!verdict_of(dangling).steps.iter().any(|step| step.to_string().contains("install")));
    let refused = verdict_of(missing);
    let made = "ChrootDirectory: /srv is not there: install -d -o root -g root -m 755 /srv/files";
    assert!(refused.steps.iter().any(|step| step.to_string() == made));
    assert_eq!(
        refused.outcome.map_err(|refusal| refusal.to_string()),
        Err("safely_chroot: stat(\"/srv/\"): No such file".into())
    );
    let steps = verdict(&components).steps;
    assert!(steps.contains(&Step::ChrootComponentNoDirectory { path: "/srv/files".to_owned() }));
}
