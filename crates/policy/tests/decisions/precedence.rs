//! Which of several lines counts, and which of several gates speaks: every gate in front of an account, with what it says
//! in the global part and in two Match blocks that hold or do not.
//!
//! What is expected is worked out here from sshd_config(5) alone: lines of blocks that hold go before the global part;
//! of several such blocks the first decides, and lists of users and groups add up; gates speak in OpenSSH's order.

use policy::{
    ForcedBy, ForcedCommand, ListRefusal, MethodsToDo, Refusal, Restrictions, ShellState, account_gates, root_login,
};
use settings::keywords::{ItsFile, Meaning, meaning};
use settings::values::Method;
use settings::{Block, Criterion, Effective, MatchFacts, Place, Said, Setting, Settings};

use crate::scene::{KeyLogin, alice, connection, root};

const PLACE: Place = Place { file: 0, line: 1 };

/// A configuration: global lines, and blocks with their criteria.
fn resolved(global: &[String], blocks: &[(Criterion, Vec<String>)]) -> Effective {
    let said = |block: Option<usize>, line: &String| {
        let (keyword, value) = line.split_once(' ').unwrap();
        let Some(Meaning::Keyword(keyword, _)) = meaning(keyword, ItsFile::SshdConfig) else {
            panic!("no keyword in {line:?}")
        };
        let setting = Setting::parse_default(keyword.id, value);
        Said { setting, place: PLACE, block: block.map(|block| u32::try_from(block).unwrap()) }
    };
    let mut lines: Vec<Said> = global.iter().map(|line| said(None, line)).collect();
    for (index, (_, text)) in blocks.iter().enumerate() {
        lines.extend(text.iter().map(|line| said(Some(index), line)));
    }
    let block = |(criterion, _): &(Criterion, Vec<String>)| Block {
        criteria: vec![criterion.clone()],
        inside: None,
        place: PLACE,
    };
    let settings = Settings {
        files: vec!["sshd_config".to_owned()],
        blocks: blocks.iter().map(block).collect(),
        said: lines,
        ..Settings::default()
    };
    settings.resolve(&MatchFacts {
        user: Some("alice".to_owned()),
        groups: Some(alice().groups),
        address: Some("192.0.2.7".to_owned()),
        ..MatchFacts::default()
    })
}

/// Criteria that hold for alice from 192.0.2.7, and such that do not.
fn criterion(holds: bool, index: usize) -> Criterion {
    let all: [fn(&str) -> Criterion; 3] = [
        |text| Criterion::User(text.to_owned()),
        |text| Criterion::Group(text.to_owned()),
        |text| Criterion::Address(text.to_owned()),
    ];
    let texts = if holds { ["al*", "staff", "192.0.2.0/24"] } else { ["al*,!alice", "wheel", "198.51.100.0/24"] };
    all[index % 3](texts[index % 3])
}

/// What one layer says about a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Hit,
    Miss,
}

const SAYS: [Says; 3] = [Says::Nothing, Says::Hit, Says::Miss];
const LISTS: [&str; 4] = ["DenyUsers", "AllowUsers", "DenyGroups", "AllowGroups"];

impl Says {
    fn line(self, keyword: &str) -> Option<String> {
        let (hit, miss) = if keyword.ends_with("Users") { ("alice", "bob") } else { ("staff", "wheel") };
        match self {
            Self::Nothing => None,
            Self::Hit => Some(format!("{keyword} {hit}")),
            Self::Miss => Some(format!("{keyword} {miss}")),
        }
    }
}

/// Of what the layers say, the part that holds: what the blocks that hold say together, else the global part.
fn in_force(global: Says, blocks: &[(bool, Says)]) -> Vec<Says> {
    let said = blocks.iter().filter(|(holds, says)| *holds && *says != Says::Nothing).map(|(_, says)| *says);
    let said: Vec<Says> = said.collect();
    if said.is_empty() { vec![global].into_iter().filter(|says| *says != Says::Nothing).collect() } else { said }
}

/// What a list objects to.
fn objection(keyword: &str, in_force: &[Says]) -> Option<ListRefusal> {
    let (hit, configured) = (in_force.contains(&Says::Hit), !in_force.is_empty());
    match keyword {
        "DenyUsers" => hit.then_some(ListRefusal::DenyUsers),
        "AllowUsers" => (configured && !hit).then_some(ListRefusal::AllowUsers),
        "DenyGroups" => hit.then_some(ListRefusal::DenyGroups),
        _ => (configured && !hit).then_some(ListRefusal::AllowGroups),
    }
}

fn refused_by_list(because: ListRefusal) -> Refusal {
    Refusal::AccountList { user: "alice".to_owned(), from: "192.0.2.7".to_owned(), because }
}

#[test]
fn every_list_in_every_layer() {
    let mut combinations = 0;
    for keyword in LISTS {
        for index in 0..27 * 4 {
            let [global, first, second] = [SAYS[index % 3], SAYS[index / 3 % 3], SAYS[index / 9 % 3]];
            let holds = [index / 27 % 2 == 0, index / 54 % 2 == 0];
            let lines = |says: Says| says.line(keyword).into_iter().collect::<Vec<_>>();
            let effective = resolved(
                &lines(global),
                &[(criterion(holds[0], index), lines(first)), (criterion(holds[1], index + 1), lines(second))],
            );
            let expected = objection(keyword, &in_force(global, &[(holds[0], first), (holds[1], second)]));
            let verdict = account_gates(&effective, "alice", Some(&alice()), &connection());
            assert_eq!(
                verdict.outcome.err(),
                expected.map(refused_by_list),
                "{keyword}: {global:?}, {first:?} {second:?} where {holds:?} hold"
            );
            combinations += 1;
        }
    }
    assert_eq!(combinations, 4 * 27 * 4);
}

/// A yes or no, globally and in a block.
type InLayers = (Option<bool>, Option<bool>);

const LAYERED: [InLayers; 5] =
    [(None, None), (Some(true), None), (None, Some(true)), (Some(true), Some(false)), (Some(false), Some(true))];

fn value_in_force((global, block): InLayers, holds: bool, default: bool) -> bool {
    block.filter(|_| holds).or(global).unwrap_or(default)
}

/// What may be wrong with an account besides lists.
#[derive(Debug, Clone, Copy)]
struct Besides {
    locked: bool,
    shell_state: ShellState,
    /// ChrootDirectory is said (true) or is `none` (false).
    chroot: InLayers,
    refuse: InLayers,
}

const BESIDES: [Besides; 10] = {
    use ShellState::{Executable, Missing, NotExecutable};
    const NO: InLayers = (None, None);
    const fn besides(locked: bool, shell_state: ShellState, chroot: usize, refuse: InLayers) -> Besides {
        Besides { locked, shell_state, chroot: LAYERED[chroot], refuse }
    }
    [
        besides(false, Executable, 0, NO),
        besides(true, Missing, 0, NO),
        besides(true, Executable, 1, LAYERED[2]),
        besides(false, Missing, 0, LAYERED[1]),
        besides(false, Missing, 1, NO),
        besides(false, NotExecutable, 2, LAYERED[3]),
        besides(false, NotExecutable, 3, LAYERED[4]),
        besides(false, Missing, 4, NO),
        besides(false, Executable, 0, LAYERED[3]),
        besides(false, Executable, 0, LAYERED[4]),
    ]
};

/// Global part and block for one list: everything that can decide, alone and against each other.
const PAIRS: [(Says, Says); 7] = [
    (Says::Nothing, Says::Nothing),
    (Says::Hit, Says::Nothing),
    (Says::Miss, Says::Nothing),
    (Says::Nothing, Says::Hit),
    (Says::Nothing, Says::Miss),
    (Says::Hit, Says::Miss),
    (Says::Miss, Says::Hit),
];

/// The lines of one combination: global ones, and those of the block.
fn lines_of(pairs: [(Says, Says); 4], besides: Besides) -> (Vec<String>, Vec<String>) {
    let lists = |layer: fn(&(Says, Says)) -> Says| {
        LISTS.iter().zip(&pairs).filter_map(move |(keyword, pair)| layer(pair).line(keyword)).collect::<Vec<_>>()
    };
    let (mut global, mut block) = (lists(|pair| pair.0), lists(|pair| pair.1));
    let chroot = |said: bool| format!("ChrootDirectory {}", if said { "/jail" } else { "none" });
    let refuse = |said: bool| format!("RefuseConnection {}", if said { "yes" } else { "no" });
    global.extend(besides.chroot.0.map(chroot).into_iter().chain(besides.refuse.0.map(refuse)));
    block.extend(besides.chroot.1.map(chroot).into_iter().chain(besides.refuse.1.map(refuse)));
    (global, block)
}

/// The first gate in OpenSSH's order that objects.
fn first_objection(pairs: [(Says, Says); 4], besides: Besides, holds: bool) -> Option<Refusal> {
    let (user, shell) = ("alice".to_owned(), "/bin/sh".into());
    if besides.locked {
        return Some(Refusal::AccountLocked { user });
    }
    if !value_in_force(besides.chroot, holds, false) {
        match besides.shell_state {
            ShellState::Missing => return Some(Refusal::ShellMissing { user, shell }),
            ShellState::NotExecutable => return Some(Refusal::ShellNotExecutable { user, shell }),
            ShellState::Executable => {}
        }
    }
    let lists = LISTS.iter().zip(pairs);
    let mut objections =
        lists.filter_map(|(keyword, (global, block))| objection(keyword, &in_force(global, &[(holds, block)])));
    objections.next().map(refused_by_list)
}

#[test]
fn every_gate_against_every_other_in_layers() {
    let mut combinations = 0;
    for index in 0..7 * 7 * 7 * 7 {
        let pairs = [PAIRS[index % 7], PAIRS[index / 7 % 7], PAIRS[index / 49 % 7], PAIRS[index / 343 % 7]];
        for (number, besides) in BESIDES.into_iter().enumerate() {
            for holds in [true, false] {
                let (global, block) = lines_of(pairs, besides);
                let effective = resolved(&global, &[(criterion(holds, index + number), block.clone())]);
                let mut account = alice();
                account.locked = besides.locked;
                account.shell_state = besides.shell_state;
                let objection = first_objection(pairs, besides, holds);
                let expected = if value_in_force(besides.refuse, holds, false) {
                    Err(Refusal::ConnectionRefused {
                        invalid: objection.is_some(),
                        user: "alice".to_owned(),
                        address: "192.0.2.7".to_owned(),
                        port: 50_000,
                    })
                } else {
                    objection.map_or(Ok(()), Err)
                };
                let verdict = account_gates(&effective, "alice", Some(&account), &connection());
                assert_eq!(verdict.outcome, expected, "{global:?}, {block:?} where the block holds: {holds}");
                combinations += 1;
            }
        }
    }
    assert_eq!(combinations, 7 * 7 * 7 * 7 * 10 * 2);
}

#[test]
fn root_in_layers() {
    const VALUES: [Option<&str>; 5] =
        [None, Some("yes"), Some("no"), Some("prohibit-password"), Some("forced-commands-only")];
    let forced = ForcedCommand { command: "backup".to_owned(), by: ForcedBy::KeyOption };
    let line =
        |value: Option<&str>| value.map(|value| format!("PermitRootLogin {value}")).into_iter().collect::<Vec<_>>();
    for index in 0..5 * 5 * 2 {
        let (global, block, holds) = (VALUES[index % 5], VALUES[index / 5 % 5], index / 25 == 0);
        let effective = resolved(&line(global), &[(criterion(holds, index), line(block))]);
        let in_force = block.filter(|_| holds).or(global).unwrap_or("prohibit-password");
        for (method, is_password) in [
            (Method::PublicKey, false),
            (Method::Hostbased, false),
            (Method::Password, true),
            (Method::KeyboardInteractive, true),
        ] {
            for forced_command in [None, Some(forced.clone())] {
                let expected = match in_force {
                    "yes" => true,
                    "no" => false,
                    "forced-commands-only" => forced_command.is_some(),
                    _ => !is_password,
                };
                let restrictions = Restrictions { forced_command, ..Restrictions::none() };
                let verdict = root_login(&effective, &root(), &connection(), method, &restrictions);
                assert_eq!(verdict.is_allowed(), expected, "{global:?} {block:?} {holds} {method:?}");
            }
        }
    }
}

#[test]
fn authentication_methods_in_layers() {
    const VALUES: [Option<&str>; 5] =
        [None, Some("any"), Some("publickey"), Some("password"), Some("publickey,password")];
    let line = |value: Option<&str>| {
        value.map(|value| format!("AuthenticationMethods {value}")).into_iter().collect::<Vec<_>>()
    };
    let both = [("publickey", Method::PublicKey), ("password", Method::Password)];
    for index in 0..5 * 5 * 2 * 4 {
        let (global, block, holds) = (VALUES[index % 5], VALUES[index / 5 % 5], index / 25 % 2 == 0);
        let enabled = both.into_iter().enumerate().filter(|(place, _)| (index / 50) >> place & 1 == 0);
        let enabled: Vec<(&str, Method)> = enabled.map(|(_, method)| method).collect();
        let effective = resolved(&line(global), &[(criterion(holds, index), line(block))]);
        let in_force = block.filter(|_| holds).or(global).filter(|value| *value != "any");
        let methods: Vec<Method> = enabled.iter().map(|(_, method)| *method).collect();
        let to_do = MethodsToDo::new(&effective, &methods).ok();
        let is_on = |name: &str| enabled.iter().any(|(enabled, _)| *enabled == name);
        let expected = match in_force {
            None => Some(enabled.iter().map(|(name, _)| *name).collect()),
            // A method that is switched off takes every list along that it stands in.
            Some(list) if list.split(',').all(is_on) => list.split(',').take(1).map(Some).collect(),
            Some(_) => None,
        };
        let offered = to_do.map(|to_do| to_do.offered());
        assert_eq!(offered, expected, "{global:?} {block:?} {holds} {enabled:?}");
    }
}

/// What a key's options leave, under settings in layers. Neither ever gives back what the other has taken.
#[test]
fn key_options_in_layers() {
    const OPTIONS: [&str; 4] =
        ["", "restrict", "no-pty,no-agent-forwarding,no-user-rc", "restrict,pty,agent-forwarding"];
    let login = KeyLogin::of(alice());
    let word = |keyword: &str, said: bool| format!("{keyword} {}", if said { "yes" } else { "no" });
    for index in 0..5 * 5 * 2 * 4 {
        let (terminal, disabled) = (LAYERED[index % 5], LAYERED[index / 5 % 5]);
        let (holds, options) = (index / 25 % 2 == 0, OPTIONS[index / 50]);
        let lines = |layer: fn(InLayers) -> Option<bool>| {
            let terminal = layer(terminal).map(|said| word("PermitTTY", said));
            let disabled = layer(disabled).map(|said| word("DisableForwarding", said));
            terminal.into_iter().chain(disabled).collect::<Vec<_>>()
        };
        let effective = resolved(&lines(|layers| layers.0), &[(criterion(holds, index), lines(|layers| layers.1))]);
        let granted = login.granted(&effective, options);
        let leaves = |name: &str| match options {
            "" => true,
            _ if options.contains(&format!("no-{name}")) => false,
            _ if options.starts_with("restrict") => options.split(',').any(|option| option == name),
            _ => true,
        };
        let case = format!("{terminal:?} {disabled:?} {holds} {options:?}");
        assert_eq!(granted.terminal, value_in_force(terminal, holds, true) && leaves("pty"), "{case}");
        let forwards = !value_in_force(disabled, holds, false);
        assert_eq!(granted.agent_forwarding, forwards && leaves("agent-forwarding"), "{case}");
        assert_eq!(granted.tcp_forwarding.local, forwards && leaves("port-forwarding"), "{case}");
        assert_eq!(granted.user_rc, leaves("user-rc"), "{case}");
    }
}
