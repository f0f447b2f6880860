//! Two TaskManagers in one process, over real QUIC on the loopback interface.

mod harness;
mod loss;
mod memory;
mod order;
