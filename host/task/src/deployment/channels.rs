//! The channels between the tasks of a job.
//!
//! Invariant: channel `i` of a producer on an edge leads to the `i`-th of its consumers, and channel `i` of
//! a consumer's input comes from the `i`-th of its producers, as the execution graph counts them.

use std::collections::HashMap;

use wasmill_actor::Signal;
use wasmill_graph::{ExecutionGraph, JobGraph, Vertex};
use wasmill_network::{Gate, Sender, gate};
use wasmill_types::id::{EdgeId, VertexId};

use crate::task::TaskInput;
use crate::valve::Valve;

/// The ends of all channels of a job, until its tasks take them.
pub(super) struct Channels {
    /// By edge and producer subtask.
    senders: HashMap<(EdgeId, u32), Vec<Sender>>,
    /// By vertex and consumer subtask.
    inlets: HashMap<(VertexId, u32), Inlet>,
}

/// The reading side of one subtask.
pub(super) struct Inlet {
    pub(super) gate: Option<Gate>,
    pub(super) inputs: Vec<TaskInput>,
    pub(super) signal: Signal,
}

impl Channels {
    /// Connects all subtasks by channels that hold this many elements.
    pub(super) fn connect(job: &JobGraph, execution: &ExecutionGraph, capacity: usize) -> Self {
        let mut channels = Self {
            senders: HashMap::new(),
            inlets: HashMap::new(),
        };
        for vertex in &job.vertices {
            // Ascending, so that a producer's channels come in the order of its consumers.
            for subtask in 0..vertex.parallelism {
                let inlet = channels.inlet(execution, vertex, subtask, capacity);
                channels.inlets.insert((vertex.id, subtask), inlet);
            }
        }
        channels
    }

    /// Takes the reading side of a subtask.
    pub(super) fn take_inlet(&mut self, vertex: VertexId, subtask: u32) -> Inlet {
        let inlet = self.inlets.remove(&(vertex, subtask));
        inlet.expect("every subtask has an inlet and takes it once")
    }

    /// Takes the writing side of a subtask on an edge.
    pub(super) fn take_senders(&mut self, edge: EdgeId, producer: u32) -> Vec<Sender> {
        let senders = self.senders.remove(&(edge, producer));
        senders.expect("every producer has consumers and takes their channels once")
    }

    fn inlet(
        &mut self,
        execution: &ExecutionGraph,
        vertex: &Vertex,
        subtask: u32,
        capacity: usize,
    ) -> Inlet {
        let signal = Signal::new();
        let mut inputs = Vec::new();
        let mut writers = Vec::new();
        for &edge in &vertex.inputs {
            let producers = execution.producers(edge, subtask);
            inputs.push(TaskInput {
                first_channel: writers.len(),
                valve: Valve::new(producers.len()),
                open_channels: producers.len(),
            });
            writers.extend(producers.map(|producer| (edge, producer)));
        }
        if writers.is_empty() {
            return Inlet {
                gate: None,
                inputs,
                signal,
            };
        }
        let (gate, senders) = gate(writers.len(), capacity, signal.clone());
        for (writer, sender) in writers.into_iter().zip(senders) {
            self.senders.entry(writer).or_default().push(sender);
        }
        Inlet {
            gate: Some(gate),
            inputs,
            signal,
        }
    }
}
