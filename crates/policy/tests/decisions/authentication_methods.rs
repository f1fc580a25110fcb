//! AuthenticationMethods: chains of methods.

use policy::{MethodsToDo, NoMethodsLeft, Progress};
use settings::values::Method::{self, Hostbased, KeyboardInteractive, None as NoMethod, Password, PublicKey};

use crate::scene::settings;

const ALL: [Method; 5] = [PublicKey, Password, KeyboardInteractive, Hostbased, NoMethod];

fn to_do(setting: &str, enabled: &[Method]) -> Result<MethodsToDo, NoMethodsLeft> {
    MethodsToDo::new(&settings(&[&format!("AuthenticationMethods {setting}")]), enabled)
}

#[test]
fn any_method_is_enough_by_default() {
    let mut methods = MethodsToDo::new(&settings(&[]), &[PublicKey, Password]).unwrap();
    assert_eq!(methods.offered(), ["publickey", "password"]);
    assert_eq!(methods.succeeded(Hostbased, None), Progress::NotCalledFor, "it is switched off");
    assert_eq!(methods.succeeded(Password, None), Progress::Complete);
}

/// Setting, what succeeds one after the other, and what each success comes to with what is offered then.
#[test]
fn chains() {
    use Progress::{Complete, NotCalledFor, Partial};
    for (setting, first_offer, successes) in [
        ("publickey", "publickey", &[(PublicKey, Complete, "")][..]),
        ("publickey,password", "publickey", &[(PublicKey, Partial, "password"), (Password, Complete, "")]),
        ("publickey,password", "publickey", &[(Password, NotCalledFor, "publickey"), (PublicKey, Partial, "password")]),
        ("publickey,publickey", "publickey", &[(PublicKey, Partial, "publickey"), (PublicKey, Complete, "")]),
        (
            "publickey,password publickey,keyboard-interactive",
            "publickey",
            &[(PublicKey, Partial, "password,keyboard-interactive"), (KeyboardInteractive, Complete, "")],
        ),
        (
            "publickey,password password,publickey",
            "publickey,password",
            &[(Password, Partial, "publickey"), (PublicKey, Complete, "")],
        ),
        (
            "hostbased publickey,password",
            "publickey,hostbased",
            &[(PublicKey, Partial, "password,hostbased"), (Hostbased, Complete, "")],
        ),
    ] {
        let mut methods = to_do(setting, &ALL).unwrap();
        assert_eq!(methods.offered().join(","), first_offer, "{setting}");
        for (method, progress, offered) in successes {
            assert_eq!(methods.succeeded(*method, None), *progress, "{setting} {method:?}");
            if *progress != Complete {
                assert_eq!(methods.offered().join(","), *offered, "{setting} after {method:?}");
            }
        }
    }
}

#[test]
fn devices_must_be_the_ones_called_for() {
    let start = || to_do("keyboard-interactive:pam,publickey", &ALL).unwrap();
    assert_eq!(start().offered(), ["keyboard-interactive"]);
    assert_eq!(start().succeeded(KeyboardInteractive, Some("bsdauth")), Progress::NotCalledFor);
    assert_eq!(start().succeeded(KeyboardInteractive, Some("pa")), Progress::NotCalledFor);
    assert_eq!(start().succeeded(KeyboardInteractive, None), Progress::NotCalledFor);
    assert_eq!(start().succeeded(KeyboardInteractive, Some("pam")), Progress::Partial);
    let mut any_device = to_do("keyboard-interactive", &ALL).unwrap();
    assert_eq!(any_device.succeeded(KeyboardInteractive, Some("pam")), Progress::Complete);
}

/// A list with a method that is switched off can never be completed; it must not get shorter by that.
#[test]
fn lists_with_disabled_methods_are_dropped_whole() {
    let methods = to_do("publickey,password publickey,keyboard-interactive", &[PublicKey, Password]).unwrap();
    assert_eq!(methods.offered(), ["publickey"]);
    let mut methods = methods;
    assert_eq!(methods.succeeded(PublicKey, None), Progress::Partial);
    assert_eq!(methods.offered(), ["password"]);
    assert_eq!(to_do("publickey,password", &[PublicKey]), Err(NoMethodsLeft));
    assert!(!to_do("publickey", &[PublicKey]).unwrap().may_try(Password));
}
