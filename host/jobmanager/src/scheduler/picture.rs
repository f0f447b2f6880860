//! The picture of a job for those who look at it.
//!
//! Invariant: it is as large as the job, so the JobMaster decides how often it is made.

use std::sync::Arc;

use super::Scheduler;
use super::tasks::Task;
use crate::view::{JobView, SubtaskView, VertexView};

impl Scheduler {
    /// The job as it is now.
    pub(crate) fn picture(&self) -> JobView {
        let subtask = |task: &Task| SubtaskView {
            current: task.current.clone(),
            previous: task.previous.iter().cloned().collect(),
        };
        let vertices = self.graph.vertices.iter().enumerate();
        let vertices = vertices.map(|(index, vertex)| VertexView {
            uid: vertex.uid,
            subtasks: self.tasks.of_vertex(index).iter().map(subtask).collect(),
        });
        // Who is being stopped may yet tell the reason of a failure; those who stop late are given up.
        let is_settled = self.tasks.iter().all(|it| it.stopping_since().is_none());
        JobView {
            description: Arc::clone(&self.description),
            graph: Arc::clone(&self.graph),
            status: self.status,
            reached: self.reached.clone(),
            vertices: vertices.collect(),
            exceptions: self.history.entries(is_settled),
            restart_strategy: self.restart.strategy(),
            restarts: self.restarts,
            waiting_for: self.waiting_for.clone(),
            checkpoints: Arc::default(),
        }
    }
}
