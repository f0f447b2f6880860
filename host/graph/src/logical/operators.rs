//! Rules that concern one operator, and names that must differ between operators.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_types::id::OperatorId;
use wasmill_types::job::{
    ConnectorSpec, JobSpec, OperatorKind, OperatorSpec, StateKind, StateSpec,
};
use wasmill_types::schema::{Schema, Type};

use crate::error::{GraphError, OperatorName, TextFault};
use crate::limits::{MAX_NAME_BYTES, MAX_OPTION_BYTES, MAX_OPTIONS, MAX_STATES};

/// Checks names, uids, states and connectors of all operators.
pub(super) fn check(spec: &JobSpec) -> Result<(), GraphError> {
    check_name(&spec.name, || "the job's name".to_owned())?;
    check_ids(spec)?;
    spec.operators.iter().try_for_each(check_operator)?;
    check_uids(spec)
}

/// An operator as messages name it.
pub(super) fn name_of(operator: &OperatorSpec) -> OperatorName {
    OperatorName {
        id: operator.id,
        name: operator.name.clone(),
    }
}

fn check_ids(spec: &JobSpec) -> Result<(), GraphError> {
    let mut seen: BTreeMap<OperatorId, &OperatorSpec> = BTreeMap::new();
    for operator in &spec.operators {
        if let Some(first) = seen.insert(operator.id, operator) {
            return Err(GraphError::DuplicateOperator {
                id: operator.id,
                first: first.name.clone(),
                second: operator.name.clone(),
            });
        }
    }
    Ok(())
}

fn check_uids(spec: &JobSpec) -> Result<(), GraphError> {
    let mut seen: BTreeMap<&str, &OperatorSpec> = BTreeMap::new();
    for operator in &spec.operators {
        let Some(uid) = &operator.uid else { continue };
        if let Some(first) = seen.insert(uid, operator) {
            return Err(GraphError::DuplicateUid {
                uid: uid.clone(),
                first: name_of(first),
                second: name_of(operator),
            });
        }
    }
    Ok(())
}

fn check_operator(operator: &OperatorSpec) -> Result<(), GraphError> {
    check_name(&operator.name, || {
        format!("the name of operator {}", name_of(operator))
    })?;
    let texts = [
        ("uid", &operator.uid),
        ("slot-sharing group", &operator.slot_sharing_group),
        ("co-location constraint", &operator.co_location),
    ];
    for (what, text) in texts {
        let Some(text) = text else { continue };
        check_name(text, || {
            format!("the {what} of operator {}", name_of(operator))
        })?;
    }
    check_states(operator)?;
    match &operator.kind {
        OperatorKind::SourceConnector(connector) | OperatorKind::SinkConnector(connector) => {
            check_connector(operator, connector)
        }
        OperatorKind::Guest | OperatorKind::GuestSource => Ok(()),
    }
}

fn check_states(operator: &OperatorSpec) -> Result<(), GraphError> {
    if operator.states.len() > MAX_STATES {
        return Err(GraphError::OperatorTooLarge {
            operator: name_of(operator),
            what: "states",
            count: operator.states.len(),
            limit: MAX_STATES,
        });
    }
    let mut ids: BTreeMap<u32, &StateSpec> = BTreeMap::new();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for state in &operator.states {
        check_name(&state.name, || {
            format!(
                "the name of state {} of operator {}",
                state.id,
                name_of(operator)
            )
        })?;
        check_ttl(operator, state)?;
        check_schema(operator, state)?;
        if !names.insert(&state.name) {
            return Err(GraphError::DuplicateStateName {
                operator: name_of(operator),
                name: state.name.clone(),
            });
        }
        if let Some(first) = ids.insert(state.id, state) {
            return Err(GraphError::DuplicateStateId {
                operator: name_of(operator),
                id: state.id,
                first: first.name.clone(),
                second: state.name.clone(),
            });
        }
    }
    Ok(())
}

fn check_ttl(operator: &OperatorSpec, state: &StateSpec) -> Result<(), GraphError> {
    let fault = match state.ttl {
        Some(0) => "lives for 0 ms; give it at least 1 ms, or none to keep it for ever",
        Some(_) if !state.kind.is_keyed() => {
            "has a time to live but is not kept by key; only keyed state expires"
        }
        Some(_) | None => return Ok(()),
    };
    Err(GraphError::Ttl {
        operator: name_of(operator),
        state: state.name.clone(),
        fault,
    })
}

fn check_schema(operator: &OperatorSpec, state: &StateSpec) -> Result<(), GraphError> {
    let faulty = |problem: String| GraphError::Schema {
        operator: name_of(operator),
        state: state.name.clone(),
        problem,
    };
    let Some(text) = &state.schema else {
        return Ok(());
    };
    let schema = Schema::parse(text).map_err(|error| faulty(error.to_string()))?;
    if schema.key.is_some() != state.kind.is_keyed() {
        let problem = match schema.key {
            Some(_) => "it names a key, and the state is not kept by key",
            None => "it names no key, and the state is kept by key",
        };
        return Err(faulty(problem.to_owned()));
    }
    let is_map = matches!(state.kind, StateKind::Map | StateKind::Broadcast);
    if is_map && !matches!(schema.value, Type::Map(..) | Type::Unknown) {
        return Err(faulty(
            "the state is a map, and the type is none".to_owned(),
        ));
    }
    Ok(())
}

fn check_connector(operator: &OperatorSpec, connector: &ConnectorSpec) -> Result<(), GraphError> {
    check_name(&connector.name, || {
        format!("the connector's name of operator {}", name_of(operator))
    })?;
    if let Some(state) = operator.states.first() {
        return Err(GraphError::ConnectorState {
            operator: name_of(operator),
            state: state.name.clone(),
        });
    }
    if connector.options.len() > MAX_OPTIONS {
        return Err(GraphError::OperatorTooLarge {
            operator: name_of(operator),
            what: "options",
            count: connector.options.len(),
            limit: MAX_OPTIONS,
        });
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (name, value) in &connector.options {
        check_name(name, || {
            format!("the name of an option of operator {}", name_of(operator))
        })?;
        check_length(value, MAX_OPTION_BYTES, || {
            format!(
                "the value of option `{name}` of operator {}",
                name_of(operator)
            )
        })?;
        if !seen.insert(name) {
            return Err(GraphError::DuplicateOption {
                operator: name_of(operator),
                option: name.clone(),
            });
        }
    }
    Ok(())
}

/// Checks a text that people will see; `what` says which, and is asked only if it is faulty.
fn check_name(text: &str, what: impl Fn() -> String) -> Result<(), GraphError> {
    if text.is_empty() {
        return Err(GraphError::Text {
            what: what(),
            fault: TextFault::Empty,
        });
    }
    check_length(text, MAX_NAME_BYTES, &what)?;
    match text.chars().find(|c| disturbs(*c)) {
        Some(c) => Err(GraphError::Text {
            what: what(),
            fault: TextFault::Control(c),
        }),
        None => Ok(()),
    }
}

fn check_length(text: &str, limit: usize, what: impl Fn() -> String) -> Result<(), GraphError> {
    if text.len() <= limit {
        return Ok(());
    }
    Err(GraphError::Text {
        what: what(),
        fault: TextFault::Long {
            bytes: text.len(),
            limit,
        },
    })
}

/// Whether a character would move the cursor or turn the direction of what people read.
fn disturbs(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
