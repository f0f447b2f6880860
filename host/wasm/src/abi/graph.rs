//! `job.job-graph`, and its way into a `JobSpec`.
//!
//! `describe` lifts it. Whether the graph makes sense is for the crate `graph` to say; here only its
//! size is checked.

use wasmill_types::id::OperatorId;
use wasmill_types::job;
use wasmtime::component::{ComponentType, Lift};

/// `job.job-graph`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct JobGraph {
    name: String,
    operators: Vec<Operator>,
    edges: Vec<Edge>,
    parallelism: Option<u32>,
}

/// `job.operator-spec`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Operator {
    id: u32,
    name: String,
    kind: OperatorKind,
    chaining: Chaining,
    states: Vec<State>,
    uid: Option<String>,
    parallelism: Option<u32>,
    #[component(name = "max-parallelism")]
    max_parallelism: Option<u32>,
    #[component(name = "slot-sharing-group")]
    slot_sharing_group: Option<String>,
    #[component(name = "co-location")]
    co_location: Option<String>,
    #[component(name = "watermark-interval")]
    watermark_interval: Option<u32>,
}

/// `job.operator-kind`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum OperatorKind {
    #[component(name = "source-connector")]
    SourceConnector(Connector),
    #[component(name = "sink-connector")]
    SinkConnector(Connector),
    #[component(name = "guest")]
    Guest,
    #[component(name = "guest-source")]
    GuestSource,
}

/// `job.connector`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Connector {
    name: String,
    options: Vec<(String, String)>,
}

/// `job.chaining`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them of their numbers")]
#[repr(u8)]
pub(crate) enum Chaining {
    #[component(name = "always")]
    Always,
    #[component(name = "head")]
    Head,
    #[component(name = "never")]
    Never,
}

/// `job.state-spec`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct State {
    id: u32,
    name: String,
    kind: StateKind,
    ttl: Option<u64>,
    schema: Option<String>,
}

/// `job.state-kind`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them of their numbers")]
#[repr(u8)]
pub(crate) enum StateKind {
    #[component(name = "value")]
    Value,
    #[component(name = "list")]
    List,
    #[component(name = "map")]
    Map,
    #[component(name = "reducing")]
    Reducing,
    #[component(name = "aggregating")]
    Aggregating,
    #[component(name = "operator-list")]
    OperatorList,
    #[component(name = "operator-union")]
    OperatorUnion,
    #[component(name = "broadcast")]
    Broadcast,
}

/// `job.edge`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Edge {
    upstream: u32,
    output: u32,
    downstream: u32,
    input: u32,
    partitioning: Partitioning,
    format: String,
}

/// `job.partitioning`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them of their numbers")]
#[repr(u8)]
pub(crate) enum Partitioning {
    #[component(name = "forward")]
    Forward,
    #[component(name = "hash")]
    Hash,
    #[component(name = "rebalance")]
    Rebalance,
    #[component(name = "rescale")]
    Rescale,
    #[component(name = "shuffle")]
    Shuffle,
    #[component(name = "broadcast")]
    Broadcast,
    #[component(name = "global")]
    Global,
    #[component(name = "custom")]
    Custom,
}

/// How large a graph is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphSize {
    /// Operators, edges, states and connector options.
    pub(crate) items: u64,
    /// The bytes of all texts.
    pub(crate) text_bytes: u64,
}

impl JobGraph {
    /// How large the graph is.
    pub(crate) fn size(&self) -> GraphSize {
        let mut size = GraphSize::default();
        size.text(&self.name);
        for operator in &self.operators {
            size.items += 1;
            size.text(&operator.name);
            for text in [
                &operator.uid,
                &operator.slot_sharing_group,
                &operator.co_location,
            ] {
                text.iter().for_each(|text| size.text(text));
            }
            for state in &operator.states {
                size.items += 1;
                size.text(&state.name);
                state.schema.iter().for_each(|text| size.text(text));
            }
            let connector = match &operator.kind {
                OperatorKind::SourceConnector(connector)
                | OperatorKind::SinkConnector(connector) => connector,
                OperatorKind::Guest | OperatorKind::GuestSource => continue,
            };
            size.text(&connector.name);
            for (name, value) in &connector.options {
                size.items += 1;
                size.text(name);
                size.text(value);
            }
        }
        for edge in &self.edges {
            size.items += 1;
            size.text(&edge.format);
        }
        size
    }
}

impl GraphSize {
    fn text(&mut self, text: &str) {
        self.text_bytes += text.len() as u64;
    }
}

impl From<JobGraph> for job::JobSpec {
    fn from(graph: JobGraph) -> Self {
        Self {
            name: graph.name,
            operators: graph.operators.into_iter().map(Into::into).collect(),
            edges: graph.edges.into_iter().map(Into::into).collect(),
            parallelism: graph.parallelism,
        }
    }
}

impl From<Operator> for job::OperatorSpec {
    fn from(operator: Operator) -> Self {
        Self {
            id: OperatorId(operator.id),
            name: operator.name,
            kind: operator.kind.into(),
            chaining: operator.chaining.into(),
            states: operator.states.into_iter().map(Into::into).collect(),
            uid: operator.uid,
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            slot_sharing_group: operator.slot_sharing_group,
            co_location: operator.co_location,
            watermark_interval: operator.watermark_interval,
        }
    }
}

impl From<OperatorKind> for job::OperatorKind {
    fn from(kind: OperatorKind) -> Self {
        match kind {
            OperatorKind::SourceConnector(connector) => Self::SourceConnector(connector.into()),
            OperatorKind::SinkConnector(connector) => Self::SinkConnector(connector.into()),
            OperatorKind::Guest => Self::Guest,
            OperatorKind::GuestSource => Self::GuestSource,
        }
    }
}

impl From<Connector> for job::ConnectorSpec {
    fn from(connector: Connector) -> Self {
        Self {
            name: connector.name,
            options: connector.options,
        }
    }
}

impl From<Chaining> for job::Chaining {
    fn from(chaining: Chaining) -> Self {
        match chaining {
            Chaining::Always => Self::Always,
            Chaining::Head => Self::Head,
            Chaining::Never => Self::Never,
        }
    }
}

impl From<State> for job::StateSpec {
    fn from(state: State) -> Self {
        Self {
            id: state.id,
            name: state.name,
            kind: state.kind.into(),
            ttl: state.ttl,
            schema: state.schema,
        }
    }
}

impl From<StateKind> for job::StateKind {
    fn from(kind: StateKind) -> Self {
        match kind {
            StateKind::Value => Self::Value,
            StateKind::List => Self::List,
            StateKind::Map => Self::Map,
            StateKind::Reducing => Self::Reducing,
            StateKind::Aggregating => Self::Aggregating,
            StateKind::OperatorList => Self::OperatorList,
            StateKind::OperatorUnion => Self::OperatorUnion,
            StateKind::Broadcast => Self::Broadcast,
        }
    }
}

impl From<Edge> for job::EdgeSpec {
    fn from(edge: Edge) -> Self {
        Self {
            upstream: OperatorId(edge.upstream),
            output: edge.output,
            downstream: OperatorId(edge.downstream),
            input: edge.input,
            partitioning: edge.partitioning.into(),
            format: edge.format,
        }
    }
}

impl From<Partitioning> for job::Partitioning {
    fn from(partitioning: Partitioning) -> Self {
        match partitioning {
            Partitioning::Forward => Self::Forward,
            Partitioning::Hash => Self::Hash,
            Partitioning::Rebalance => Self::Rebalance,
            Partitioning::Rescale => Self::Rescale,
            Partitioning::Shuffle => Self::Shuffle,
            Partitioning::Broadcast => Self::Broadcast,
            Partitioning::Global => Self::Global,
            Partitioning::Custom => Self::Custom,
        }
    }
}
