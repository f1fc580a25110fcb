//! Values that theirs, and so we, read differently from how they look.

use settings::keywords::Id;

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>) {
    typed(lint, Id::MaxStartups, |value| {
        let ignored =
            value.matches(':').count() > 2 || value.contains(|c: char| !c.is_ascii_digit() && !": +".contains(c));
        (ignored || value.ends_with(':')).then(|| "what stands behind the numbers is ignored (10:30:100)".to_owned())
    });
    typed(lint, Id::PerSourceNetBlockSize, |value| {
        let ignored =
            value.matches(':').count() > 1 || value.contains(|c: char| !c.is_ascii_digit() && !": +".contains(c));
        ignored.then(|| "what stands behind the numbers is ignored".to_owned())
    });
    typed(lint, Id::StreamLocalBindMask, |value| {
        let odd = value.contains(|c: char| !('0'..='7').contains(&c));
        odd.then(|| "only the leading octal digits are used".to_owned())
    });
    typed(lint, Id::LoginGraceTime, |value| {
        let zero = settings::parse_seconds(value).is_some_and(|seconds| seconds > 0.0 && seconds < 1.0);
        zero.then(|| "fractions of a second are cut off: 0 means no limit".to_owned())
    });
    for keyword in [Id::PermitOpen, Id::PermitListen] {
        typed(lint, keyword, |value| {
            let (first, rest) = value.split_once(' ')?;
            let alone = ["any", "none"].contains(&first) && !rest.trim().is_empty();
            alone.then(|| format!("what stands behind \"{first}\" is ignored"))
        });
    }
    typed(lint, Id::PerSourcePenalties, |value| {
        let mut words = value.split(' ').skip(1);
        words.any(|word| word.eq_ignore_ascii_case("no")).then(|| "\"no\" behind a penalty is ignored".to_owned())
    });
    typed(lint, Id::RequiredRSASize, |value| {
        let small = settings::number(value).is_some_and(|bits| bits < 1024);
        small.then(|| "RSA keys with fewer than 1024 bits are refused all the same".to_owned())
    });
    typed(lint, Id::ListenAddress, |value| {
        (value == "*")
            .then(|| "\"*\" is a name for the resolver, often loopback; leave the line out for all addresses".into())
    });
}

/// Looks at every line of a keyword, without its comment.
fn typed(lint: &mut Lint<'_>, id: Id, odd: impl Fn(&str) -> Option<String>) {
    let name = settings::Keyword::of(id).name;
    for (said, value) in lint.lines(id) {
        let value = value.split_once('#').map_or(value, |(value, _)| value).trim().trim_matches(['"', '\'']);
        if let Some(text) = odd(value) {
            lint.warn(said.place, format!("{name} {value}: {text}"));
        }
    }
}
