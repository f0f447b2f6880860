//! The channels between the tasks of a job, as far as one of their ends is here.
//!
//! Invariant: channel `i` of a producer on an edge leads to the `i`-th of its consumers, and channel `i` of
//! a consumer's input comes from the `i`-th of its producers, as the execution graph counts them,
//! wherever they run.

use std::collections::HashMap;

use wasmill_actor::Signal;
use wasmill_graph::{ExecutionGraph, JobGraph, Vertex};
use wasmill_network::{Gate, Sender, gate, remote};
use wasmill_types::HostError;
use wasmill_types::id::{EdgeId, VertexId};

use super::{ChannelEnds, Place, Places, RemoteChannels};
use crate::task::TaskInput;
use crate::valve::Valve;

/// The ends of all channels, until the tasks or the network take them.
pub(super) struct Channels {
    /// The writing ends of channels between tasks here.
    senders: HashMap<ChannelEnds, Sender>,
    /// By vertex and consumer subtask.
    inlets: HashMap<(VertexId, u32), Inlet>,
    /// The writing ends of channels whose producer is elsewhere, and where that is.
    subscribed: Vec<(ChannelEnds, u16, Sender)>,
    /// The reading ends of channels whose consumer is elsewhere.
    offered: Vec<(ChannelEnds, Gate)>,
    /// Elements per channel.
    capacity: usize,
}

/// The reading side of one subtask.
pub(super) struct Inlet {
    pub(super) gate: Option<Gate>,
    pub(super) inputs: Vec<TaskInput>,
    pub(super) signal: Signal,
}

impl Channels {
    /// Makes the reading ends of all subtasks here; each channel holds `capacity` elements.
    ///
    /// # Errors
    /// When a producer runs nowhere.
    pub(super) fn new(
        job: &JobGraph,
        execution: &ExecutionGraph,
        places: &Places,
        capacity: usize,
    ) -> Result<Self, HostError> {
        let mut channels = Self {
            senders: HashMap::new(),
            inlets: HashMap::new(),
            subscribed: Vec::new(),
            offered: Vec::new(),
            capacity,
        };
        for vertex in &job.vertices {
            for subtask in 0..vertex.parallelism {
                if places.of(vertex.id, subtask) == Place::Here {
                    let inlet = channels.inlet(job, execution, places, (vertex, subtask))?;
                    channels.inlets.insert((vertex.id, subtask), inlet);
                }
            }
        }
        Ok(channels)
    }

    /// Takes the reading side of a subtask that is here.
    pub(super) fn take_inlet(&mut self, vertex: VertexId, subtask: u32) -> Inlet {
        let inlet = self.inlets.remove(&(vertex, subtask));
        inlet.expect("every subtask here has an inlet and takes it once")
    }

    /// Takes the writing side of a subtask that is here, on an edge.
    ///
    /// # Errors
    /// When a consumer runs nowhere.
    pub(super) fn take_senders(
        &mut self,
        execution: &ExecutionGraph,
        places: &Places,
        (edge, to): (EdgeId, VertexId),
        producer: u32,
    ) -> Result<Vec<Sender>, HostError> {
        let consumers = execution.consumers(edge, producer);
        let senders = consumers.map(|consumer| {
            let channel = ChannelEnds {
                edge,
                producer,
                consumer,
            };
            match places.of(to, consumer) {
                Place::Here => {
                    let sender = self.senders.remove(&channel);
                    Ok(sender.expect("the consumer is here and its channel is taken once"))
                }
                Place::At(_) => Ok(self.offer(channel)),
                Place::Nowhere => Err(nowhere(channel, "consumer")),
            }
        });
        senders.collect()
    }

    /// Hands the ends of channels whose other end is elsewhere to the network.
    ///
    /// # Errors
    /// When the network has no memory for all of them.
    pub(super) fn connect(self, remote: &dyn RemoteChannels) -> Result<(), HostError> {
        for (channel, gate) in self.offered {
            remote.offer(channel, gate)?;
        }
        for (channel, peer, sender) in self.subscribed {
            remote.subscribe(channel, peer, sender)?;
        }
        Ok(())
    }

    fn offer(&mut self, channel: ChannelEnds) -> Sender {
        let capacity = remote::queue_of(self.capacity);
        let (gate, mut senders) = gate(1, capacity, Signal::new());
        self.offered.push((channel, gate));
        senders.pop().expect("a gate of one channel has a sender")
    }

    fn inlet(
        &mut self,
        job: &JobGraph,
        execution: &ExecutionGraph,
        places: &Places,
        (vertex, consumer): (&Vertex, u32),
    ) -> Result<Inlet, HostError> {
        let signal = Signal::new();
        let mut inputs = Vec::new();
        let mut writers = Vec::new();
        for &edge in &vertex.inputs {
            let producers = execution.producers(edge, consumer);
            inputs.push(TaskInput {
                edge,
                producers: producers.clone(),
                first_channel: writers.len(),
                valve: Valve::new(producers.len()),
                open_channels: producers.len(),
            });
            writers.extend(producers.map(|producer| ChannelEnds {
                edge,
                producer,
                consumer,
            }));
        }
        if writers.is_empty() {
            return Ok(Inlet {
                gate: None,
                inputs,
                signal,
            });
        }
        let (gate, senders) = gate(writers.len(), self.capacity, signal.clone());
        for (channel, sender) in writers.into_iter().zip(senders) {
            match places.of(job.edge(channel.edge).from, channel.producer) {
                Place::Here => drop(self.senders.insert(channel, sender)),
                Place::At(peer) => self.subscribed.push((channel, peer, sender)),
                Place::Nowhere => return Err(nowhere(channel, "producer")),
            }
        }
        Ok(Inlet {
            gate: Some(gate),
            inputs,
            signal,
        })
    }
}

/// Who deploys a task deploys those with it that it exchanges records with.
fn nowhere(channel: ChannelEnds, end: &str) -> HostError {
    let ChannelEnds {
        edge,
        producer,
        consumer,
    } = channel;
    HostError::new(format!(
        "the deployment lacks the {end} of edge {edge} from subtask {producer} to {consumer}; please \
         report this bug"
    ))
}
