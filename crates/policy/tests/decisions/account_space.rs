//! The whole space of the gates in front of an account, and of PermitRootLogin behind them.

use policy::{
    ForcedBy, ForcedCommand, ListRefusal, Refusal, Restrictions, ShellState, Step, account_gates, root_login,
};
use settings::values::Method;

use crate::scene::{alice, connection, root, settings};

/// Nothing configured, configured without a hit, configured with a hit.
const LIST: [Option<bool>; 3] = [None, Some(false), Some(true)];

fn users(keyword: &str, state: Option<bool>) -> Option<String> {
    state.map(|hit| format!("{keyword} nobody {}", if hit { "al*" } else { "bob" }))
}

fn groups(keyword: &str, state: Option<bool>) -> Option<String> {
    state.map(|hit| format!("{keyword} nogroup {}", if hit { "st?ff" } else { "wheel" }))
}

#[test]
fn every_combination_of_gates() {
    let mut combinations = 0;
    let product = LIST.iter().flat_map(|deny_users| {
        LIST.iter().flat_map(move |allow_users| {
            LIST.iter().flat_map(move |deny_groups| {
                LIST.iter().map(move |allow_groups| (*deny_users, *allow_users, *deny_groups, *allow_groups))
            })
        })
    });
    for (deny_users, allow_users, deny_groups, allow_groups) in product {
        for flags in 0..32u32 {
            let flag = |bit: u32| flags & (1 << bit) != 0;
            let (locked, pam, chroot, no_groups, refuse) = (flag(0), flag(1), flag(2), flag(3), flag(4));
            for shell_state in [ShellState::Executable, ShellState::Missing, ShellState::NotExecutable] {
                combinations += 1;
                let lines: Vec<String> = [
                    users("DenyUsers", deny_users),
                    users("AllowUsers", allow_users),
                    groups("DenyGroups", deny_groups),
                    groups("AllowGroups", allow_groups),
                    pam.then(|| "UsePAM yes".to_owned()),
                    chroot.then(|| "ChrootDirectory /jail".to_owned()),
                    refuse.then(|| "RefuseConnection yes".to_owned()),
                ]
                .into_iter()
                .flatten()
                .collect();
                let effective = settings(&lines.iter().map(String::as_str).collect::<Vec<_>>());
                let mut account = alice();
                account.locked = locked;
                account.shell_state = shell_state;
                if no_groups {
                    account.groups.clear();
                }

                let list = |because| {
                    let (user, from) = ("alice".to_owned(), "192.0.2.7".to_owned());
                    Refusal::AccountList { user, from, because }
                };
                let (user, shell) = ("alice".to_owned(), "/bin/sh".into());
                let groups_matter = deny_groups.is_some() || allow_groups.is_some();
                // The first row whose condition holds decides.
                let gates = [
                    (locked && !pam, Refusal::AccountLocked { user: user.clone() }),
                    (
                        !chroot && shell_state == ShellState::Missing,
                        Refusal::ShellMissing { user: user.clone(), shell },
                    ),
                    (
                        !chroot && shell_state == ShellState::NotExecutable,
                        Refusal::ShellNotExecutable { user: user.clone(), shell: "/bin/sh".into() },
                    ),
                    (deny_users == Some(true), list(ListRefusal::DenyUsers)),
                    (allow_users == Some(false), list(ListRefusal::AllowUsers)),
                    (groups_matter && no_groups, list(ListRefusal::NoGroup)),
                    (deny_groups == Some(true), list(ListRefusal::DenyGroups)),
                    (allow_groups == Some(false), list(ListRefusal::AllowGroups)),
                ];
                let objection = gates.into_iter().find(|(holds, _)| *holds).map(|(_, refusal)| refusal);
                let expected = match (refuse, &objection) {
                    (false, None) => Ok(()),
                    (false, Some(refusal)) => Err(refusal.clone()),
                    (true, objection) => Err(Refusal::ConnectionRefused {
                        invalid: objection.is_some(),
                        user,
                        address: "192.0.2.7".to_owned(),
                        port: 50_000,
                    }),
                };
                let verdict = account_gates(&effective, "alice", Some(&account), &connection());
                assert_eq!(verdict.outcome, expected, "{lines:?} {account:?}");
                let told = |refusal: &Refusal| verdict.steps.contains(&Step::Refused(refusal.clone()));
                assert!(objection.iter().all(told), "a gate's objection is logged even when the connection is refused");
                assert_eq!(expected.is_err(), matches!(verdict.steps.last(), Some(Step::Refused(_))));
            }
        }
    }
    assert_eq!(combinations, 81 * 32 * 3);
}

#[test]
fn accounts_that_do_not_exist() {
    let verdict = account_gates(&settings(&["AllowUsers *"]), "mallory", None, &connection());
    assert_eq!(verdict.outcome.unwrap_err().to_string(), "Invalid user mallory from 192.0.2.7 port 50000");
    let verdict = account_gates(&settings(&["RefuseConnection yes"]), "mallory", None, &connection());
    assert_eq!(
        verdict.steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "Invalid user mallory from 192.0.2.7 port 50000",
            "administratively prohibited connection for invalid user mallory from 192.0.2.7 port 50000"
        ]
    );
}

#[test]
fn users_at_hosts() {
    let mut by_name = connection();
    by_name.host_name = Some("pc.Example.org".to_owned());
    for (lines, named, let_in) in [
        (&["AllowUsers alice@192.0.2.0/24"][..], false, true),
        (&["AllowUsers alice@192.0.3.0/24"], false, false),
        (&["AllowUsers bob@192.0.2.0/24 alice@192.0.2.7"], false, true),
        (&["AllowUsers alice@192.0.2.0/24,!192.0.2.7"], false, false),
        (&["AllowUsers alice@*.example.org"], false, false),
        (&["AllowUsers alice@*.example.org"], true, true),
        (&["AllowUsers ALICE"], false, false),
        (&["AllowUsers a*"], false, true),
        (&["DenyUsers alice@192.0.2.*"], false, false),
        (&["DenyUsers alice@198.51.100.*"], false, true),
        (&["DenyUsers *@!192.0.2.7,*"], false, true),
        (&["DenyUsers *@pc.example.org"], true, false),
        (&["DenyUsers alice", "AllowUsers alice"], false, false),
        (&["DenyGroups wheel", "AllowGroups staff"], false, true),
        (&["AllowGroups !staff"], false, false),
        (&["DenyGroups !wheel"], false, true),
    ] {
        let connection = if named { &by_name } else { &connection() };
        let verdict = account_gates(&settings(lines), "alice", Some(&alice()), connection);
        assert_eq!(verdict.is_allowed(), let_in, "{lines:?} {verdict:?}");
    }
}

/// A peer must not get around a rule by the family of the listening socket.
#[test]
fn ipv4_inside_ipv6_is_ipv4() {
    let mut mapped = connection();
    mapped.address = Some("::ffff:192.0.2.7".parse().unwrap());
    let denied = account_gates(&settings(&["DenyUsers *@192.0.2.0/24"]), "alice", Some(&alice()), &mapped);
    let text = "User alice from 192.0.2.7 not allowed because listed in DenyUsers";
    assert_eq!(denied.outcome.unwrap_err().to_string(), text);
}

#[test]
fn root_by_every_setting_method_and_command() {
    let forced = Restrictions {
        forced_command: Some(ForcedCommand { command: "backup".to_owned(), by: ForcedBy::KeyOption }),
        ..Restrictions::none()
    };
    let methods = [
        (Method::PublicKey, true),
        (Method::Hostbased, true),
        (Method::GssapiWithMic, true),
        (Method::Password, false),
        (Method::KeyboardInteractive, false),
        (Method::None, false),
    ];
    for setting in ["yes", "no", "prohibit-password", "without-password", "forced-commands-only"] {
        for force_command in [false, true] {
            let mut lines = vec![format!("PermitRootLogin {setting}")];
            lines.extend(force_command.then(|| "ForceCommand date".to_owned()));
            let effective = settings(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            for (method, without_password) in methods {
                for restrictions in [Restrictions::none(), forced.clone()] {
                    let expected = match setting {
                        "yes" => true,
                        "no" => false,
                        // A command that the settings force does not count: the credential has to.
                        "forced-commands-only" => restrictions.forced_command.is_some(),
                        _ => without_password,
                    };
                    let verdict = root_login(&effective, &root(), &connection(), method, &restrictions);
                    assert_eq!(verdict.is_allowed(), expected, "{lines:?} {method:?}");
                    let alice = root_login(&effective, &alice(), &connection(), method, &restrictions);
                    assert!(alice.is_allowed() && alice.steps.is_empty(), "not her business");
                }
            }
        }
    }
}
