//! How objects become messages: keys, volatile fields, derive rules; the same for collections and children.

use crate::{
    hub::{
        alternatives::{PathOr, Rule},
        decode::{At, Named},
        description::KeyPart,
        fault::Report,
        model::{Derive, DeriveWhen, Key, ObjectRules},
        tree::{self, quote},
        values::Field,
    },
    id::{Event, MessageType, ObjectType},
};

pub(super) fn rules(
    object_type: Option<&ObjectType>,
    volatile: Option<&[Field]>,
    keys: Option<&Named<PathOr<KeyPart>>>,
    derive: Option<&[Rule]>,
    report: &mut Report,
) -> ObjectRules {
    let keys = keys.into_iter().flat_map(|keys| &keys.0);
    let derive = derive.unwrap_or_default();
    ObjectRules {
        volatile: volatile.unwrap_or_default().iter().map(|field| field.0.clone()).collect(),
        keys: keys.filter_map(|(name, part)| key(name, part.as_ref()?, report)).collect(),
        derive: derive.iter().filter_map(|rule| self::derive(object_type, rule, report)).collect(),
    }
}

fn key(name: &tree::Key, part: &PathOr<KeyPart>, report: &mut Report) -> Option<Key> {
    // A filter names it as keys.<name>, so a dot in it could never be reached.
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.text.is_empty() || name.text.len() > 60 || !name.text.chars().all(fine) {
        let message =
            format!("expected a key name (letters, digits, '-' or '_', at most 60), found {}", quote(&name.text));
        report.fault(&name.place, message);
        return None;
    }
    let (path, kind) = match part {
        PathOr::Path(path) => (path.clone(), None),
        PathOr::More(KeyPart { path, kind }) => (path.clone()?, *kind),
    };
    Some(Key { name: name.text.clone(), path: path.0, kind })
}

fn derive(object_type: Option<&ObjectType>, Rule(part): &Rule, report: &mut Report) -> Option<Derive> {
    let At { place, value: message, .. } = part.message.as_ref()?;
    if let Some(object_type) = object_type
        && [Event::New, Event::Updated, Event::Deleted]
            .iter()
            .any(|event| MessageType::of(object_type, *event) == *message)
    {
        report
            .fault(place, format!("expected a more specific type, found {message}, which changes give without a rule"));
    }
    let when = match (&part.becomes, &part.is) {
        (Some(becomes), _) => DeriveWhen::Becomes(becomes.0.clone()),
        (None, is) => DeriveWhen::Is(is.clone()?.0),
    };
    let instead = part.instead.is_some_and(|flag| flag.0);
    Some(Derive { path: part.path.clone()?.0, when, message: message.clone(), instead })
}
