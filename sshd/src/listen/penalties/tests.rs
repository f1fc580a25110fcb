use settings::keywords::{ItsFile, Layer, Meaning, meaning};

use super::*;

const START: Duration = Duration::from_secs(5000);

fn limits(lines: &[&str]) -> SourceLimits {
    let mut layer = Layer::default();
    for line in lines {
        let (keyword, value) = line.split_once(' ').unwrap();
        let Some(Meaning::Keyword(keyword, _)) = meaning(keyword, ItsFile::SshdConfig) else {
            panic!("no keyword in {line:?}")
        };
        layer.take(&settings::Setting::parse_default(keyword.id, value));
    }
    SourceLimits::of(&layer.effective())
}

/// A scene in which time passes.
struct Scene {
    limits: SourceLimits,
    penalties: Penalties,
    now: Duration,
}

impl Scene {
    fn with(lines: &[&str]) -> Self {
        Self { limits: limits(lines), penalties: Penalties::default(), now: START }
    }

    fn offends(&mut self, address: &str, offence: Offence) -> Option<(PenaltyChange, u64)> {
        let penalty = self.penalties.penalise(&self.limits, address.parse().unwrap(), offence, self.now);
        penalty.map(|penalty| (penalty.change, penalty.milliseconds))
    }

    fn objection(&mut self, address: &str) -> Option<DropReason> {
        self.penalties.objection(&self.limits, address.parse().unwrap(), self.now)
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

#[test]
fn penalties_add_up_until_there_are_enough_of_them() {
    let mut scene = Scene::with(&[]);
    let failed = Offence::FailedAuthentication;
    assert_eq!(scene.offends("192.0.2.7", failed), Some((PenaltyChange::NewAndDeferred, 5_000)));
    assert_eq!(scene.offends("192.0.2.7", failed), Some((PenaltyChange::GrewDeferred, 10_000)));
    // Just `min` is not more than `min`.
    assert_eq!(scene.offends("192.0.2.7", failed), Some((PenaltyChange::GrewDeferred, 15_000)));
    assert_eq!(scene.objection("192.0.2.7"), None);
    assert_eq!(
        scene.offends("192.0.2.7", Offence::NoAuthentication),
        Some((PenaltyChange::Activated, 16_000)),
        "the latest offence tips the balance"
    );
    assert_eq!(scene.objection("192.0.2.7"), Some(DropReason::Penalty(Offence::NoAuthentication)));
    assert_eq!(scene.objection("192.0.2.8"), None);
    // Active until the end, even when less than `min` is left.
    scene.wait(15);
    assert!(scene.objection("192.0.2.7").is_some());
    scene.wait(2);
    assert_eq!(scene.objection("192.0.2.7"), None);
    assert_eq!(scene.offends("192.0.2.7", failed), Some((PenaltyChange::NewAndDeferred, 5_000)), "a fresh start");
}

#[test]
fn each_class_has_its_time() {
    let classes = [
        (Offence::Crash, "crash", 90),
        (Offence::FailedAuthentication, "authfail", 5),
        (Offence::NoAuthentication, "noauth", 1),
        (Offence::InvalidUser, "invaliduser", 5),
        (Offence::GraceExceeded, "grace-exceeded", 10),
        (Offence::RefusedConnection, "refuseconnection", 10),
    ];
    for (offence, name, default) in classes {
        let (_, milliseconds) = Scene::with(&[]).offends("::1", offence).unwrap();
        assert_eq!(milliseconds, default * 1000, "{name}");
        let mut scene = Scene::with(&[&format!("PerSourcePenalties {name}:1m1.5s")]);
        assert_eq!(scene.offends("::1", offence), Some((PenaltyChange::NewAndActive, 61_500)), "{name}");
        assert_eq!(scene.objection("::1"), Some(DropReason::Penalty(offence)));
        let mut scene = Scene::with(&[&format!("PerSourcePenalties {name}:0")]);
        assert_eq!(scene.offends("::1", offence), None, "{name}");
    }
}

#[test]
fn penalties_add_up_to_max() {
    let mut scene = Scene::with(&["PerSourcePenalties crash:1m max:150"]);
    let ends: Vec<u64> = (0..4).map(|_| scene.offends("192.0.2.7", Offence::Crash).unwrap().1).collect();
    assert_eq!(ends, [60_000, 120_000, 150_000, 150_000]);
    let mut scene = Scene::with(&["PerSourcePenalties crash:1000000000w max:1000000000w"]);
    for _ in 0..3 {
        scene.offends("192.0.2.7", Offence::Crash);
    }
    scene.wait(1 << 40);
    assert!(scene.objection("192.0.2.7").is_some(), "no sum is too large");
}

#[test]
fn exempt_addresses_and_no_penalties() {
    let mut scene = Scene::with(&["PerSourcePenaltyExemptList 192.0.2.0/28,2001:db8::1,!192.0.2.9"]);
    for exempt in ["192.0.2.7", "2001:db8::1"] {
        assert_eq!(scene.offends(exempt, Offence::Crash), None);
        assert_eq!(scene.objection(exempt), None);
    }
    for other in ["192.0.2.9", "192.0.2.77", "2001:db8::2"] {
        assert!(scene.offends(other, Offence::Crash).is_some());
        assert!(scene.objection(other).is_some());
    }
    let mut scene = Scene::with(&["PerSourcePenalties no"]);
    assert_eq!(scene.offends("192.0.2.7", Offence::Crash), None);
}

#[test]
fn an_exempt_address_is_let_in_from_a_penalised_net() {
    let mut scene = Scene::with(&["PerSourceNetBlockSize 24:56", "PerSourcePenaltyExemptList 192.0.2.8"]);
    scene.offends("192.0.2.7", Offence::Crash);
    assert!(scene.objection("192.0.2.200").is_some() && scene.objection("192.0.3.7").is_none());
    assert_eq!(scene.objection("192.0.2.8"), None);
    scene.offends("2001:db8:0:17::1", Offence::Crash);
    assert!(scene.objection("2001:db8:0:42::1").is_some() && scene.objection("2001:db8:0:142::1").is_none());
}

#[test]
fn memory_is_bounded_and_the_shortest_penalties_are_forgotten() {
    let mut scene = Scene::with(&["PerSourcePenalties max-sources4:3 max-sources6:1"]);
    for last in 0..200 {
        scene.offends(&format!("192.0.2.{last}"), Offence::NoAuthentication);
        scene.offends(&format!("2001:db8::{last}"), Offence::Crash);
    }
    scene.offends("192.0.2.201", Offence::Crash);
    for table in [&scene.penalties.ipv4, &scene.penalties.ipv6] {
        assert_eq!(table.of.len(), table.by_end.len());
    }
    assert_eq!((scene.penalties.ipv4.of.len(), scene.penalties.ipv6.of.len()), (3, 1));
    assert!(scene.objection("192.0.2.201").is_some());
    scene.penalties.fit(&limits(&["PerSourcePenalties max-sources4:1"]).penalties);
    assert_eq!(scene.penalties.ipv4.of.len(), 1);
    assert!(scene.objection("192.0.2.201").is_some(), "the longest stays");
}

#[test]
fn deny_all_refuses_everybody_while_the_table_is_full() {
    let mut scene =
        Scene::with(&["PerSourcePenalties max-sources4:2 overflow:deny-all", "PerSourcePenaltyExemptList 192.0.2.9"]);
    scene.offends("192.0.2.1", Offence::Crash);
    assert_eq!(scene.objection("192.0.2.3"), None);
    scene.offends("192.0.2.2", Offence::NoAuthentication);
    assert_eq!(scene.objection("192.0.2.3"), Some(DropReason::TooManyPenalised));
    assert_eq!(scene.objection("192.0.2.9"), None);
    assert_eq!(scene.objection("::1"), None, "the other family has room");
    assert_eq!(scene.offends("192.0.2.3", Offence::Crash), Some((PenaltyChange::TableFull, 0)));
    scene.wait(2);
    assert_eq!(scene.objection("192.0.2.3"), None);
    assert!(scene.objection("192.0.2.1").is_some());
}
