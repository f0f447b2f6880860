//! The mailbox of an actor: a bounded queue of messages, and the address under which it is reached.
//!
//! An actor owns a [`Mailbox`] and handles one message after the other; everybody else holds an
//! [`Address`]. Invariants: messages of one sender arrive in the order in which they were sent; a full
//! mailbox makes senders wait or tells them so, it never grows; an actor that is gone is an error of the
//! sender, not a hang.

use std::fmt;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::actors::{self, ActorKind};

/// The actor behind an address has ended.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the {actor} has ended")]
pub struct Gone {
    /// What it was.
    pub actor: &'static str,
}

/// Why a message was not taken at once.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The actor has ended.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// Its mailbox is full.
    #[error("the {actor} is busy: {capacity} messages are waiting; try again")]
    Full {
        /// What it is.
        actor: &'static str,
        /// How many messages its mailbox holds.
        capacity: usize,
    },
}

/// Where an actor takes its messages from.
#[derive(Debug)]
pub struct Mailbox<M> {
    messages: mpsc::Receiver<M>,
}

/// Reaches an actor; cheap to clone.
pub struct Address<M> {
    actor: &'static str,
    messages: mpsc::Sender<M>,
}

/// The place for the answer to one message.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

/// Makes a mailbox for `capacity` messages and its address; `actor` names it in errors.
pub fn mailbox<M>(actor: &'static str, capacity: usize) -> (Address<M>, Mailbox<M>) {
    let (sender, receiver) = mpsc::channel(capacity);
    let address = Address {
        actor,
        messages: sender,
    };
    (address, Mailbox { messages: receiver })
}

impl<M> Mailbox<M> {
    /// The next message; none when no address is left. May be dropped while it waits, without loss.
    pub async fn next(&mut self) -> Option<M> {
        self.messages.recv().await
    }

    /// The next message if there is one now.
    pub fn take(&mut self) -> Option<M> {
        self.messages.try_recv().ok()
    }

    /// Takes no more messages; those that are there can still be taken.
    pub fn close(&mut self) {
        self.messages.close();
    }
}

impl<M> Address<M> {
    /// Sends a message; waits while the mailbox is full.
    ///
    /// # Errors
    /// When the actor has ended.
    pub async fn send(&self, message: M) -> Result<(), Gone> {
        let sent = self.messages.send(message).await;
        sent.map_err(|_| self.gone())
    }

    /// Sends a message from a thread that may block.
    ///
    /// # Errors
    /// When the actor has ended.
    ///
    /// # Panics
    /// On a thread of the runtime, which must not block.
    pub fn send_blocking(&self, message: M) -> Result<(), Gone> {
        let sent = self.messages.blocking_send(message);
        sent.map_err(|_| self.gone())
    }

    /// Sends a message if there is room for it.
    ///
    /// # Errors
    /// When the mailbox is full or the actor has ended.
    pub fn try_send(&self, message: M) -> Result<(), Refused> {
        self.messages
            .try_send(message)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Refused::Full {
                    actor: self.actor,
                    capacity: self.messages.max_capacity(),
                },
                mpsc::error::TrySendError::Closed(_) => self.gone().into(),
            })
    }

    /// Sends a message without waiting, from one actor to another: two actors that waited for each other's
    /// full mailboxes would do so for ever. When there is no room an errand waits for it, and the message
    /// may come after later ones; one to an actor that has ended is dropped.
    ///
    /// # Panics
    /// Outside of a runtime, when there is no room.
    pub fn post(&self, message: M)
    where
        M: Send + 'static,
    {
        let Err(mpsc::error::TrySendError::Full(message)) = self.messages.try_send(message) else {
            return;
        };
        let address = self.clone();
        let send = async move {
            let _actor_has_ended = address.send(message).await;
        };
        let _ends_with_the_actor = actors::spawn(ActorKind::Errand, "post", send);
    }

    /// Sends a message that has an answer, and waits for it. Callers that cannot wait for ever put a
    /// [`crate::Clock::timeout`] around it.
    ///
    /// # Errors
    /// When the actor has ended or dropped the message without an answer.
    pub async fn ask<T>(&self, message: impl FnOnce(Reply<T>) -> M) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.send(message(Reply(reply))).await?;
        answer.await.map_err(|_| self.gone())
    }

    /// As [`Address::ask`], from a thread that may block.
    ///
    /// # Errors
    /// As [`Address::ask`].
    ///
    /// # Panics
    /// On a thread of the runtime, which must not block.
    pub fn ask_blocking<T>(&self, message: impl FnOnce(Reply<T>) -> M) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.send_blocking(message(Reply(reply)))?;
        answer.blocking_recv().map_err(|_| self.gone())
    }

    /// Waits until the actor has ended.
    pub async fn closed(&self) {
        self.messages.closed().await;
    }

    fn gone(&self) -> Gone {
        Gone { actor: self.actor }
    }
}

impl<T> Reply<T> {
    /// Gives the answer; it is dropped when nobody waits for it any more.
    pub fn give(self, answer: T) {
        let _nobody_waits = self.0.send(answer);
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor,
            messages: self.messages.clone(),
        }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Question = (u32, Reply<u32>);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    #[test]
    fn answers_come_back_to_who_asked() {
        let (address, mut mailbox) = mailbox::<Question>("counter", 4);
        runtime().block_on(async {
            let actor = async {
                while let Some((number, reply)) = mailbox.next().await {
                    reply.give(number + 1);
                }
            };
            let asker = async {
                for number in 0..10 {
                    let answer = address.ask(|reply| (number, reply)).await;
                    assert_eq!(answer, Ok(number + 1));
                }
                drop(address);
            };
            tokio::join!(actor, asker);
        });
    }

    #[test]
    fn a_full_mailbox_says_so_and_an_ended_actor_too() {
        let (address, mut mailbox) = mailbox::<u32>("counter", 2);
        for (sent, taken) in [(1, Ok(())), (2, Ok(()))] {
            assert_eq!(address.try_send(sent), taken);
        }
        let full = address.try_send(3).unwrap_err().to_string();
        assert_eq!(
            full,
            "the counter is busy: 2 messages are waiting; try again"
        );
        assert_eq!(
            (mailbox.take(), mailbox.take(), mailbox.take()),
            (Some(1), Some(2), None)
        );
        drop(mailbox);
        let gone = address.try_send(4).unwrap_err().to_string();
        assert_eq!(gone, "the counter has ended");
    }

    #[test]
    fn what_is_posted_to_a_full_mailbox_comes_later() {
        let (address, mut mailbox) = mailbox::<u32>("counter", 1);
        runtime().block_on(async {
            (0..3).for_each(|number| address.post(number));
            let mut came = Vec::new();
            while came.len() < 3 {
                came.extend(mailbox.next().await);
            }
            came.sort_unstable();
            assert_eq!(came, [0, 1, 2]);
            drop(mailbox);
            address.post(4);
        });
    }

    #[test]
    fn an_unanswered_question_is_an_error() {
        let (address, mut mailbox) = mailbox::<Question>("counter", 1);
        runtime().block_on(async {
            let actor = async { drop(mailbox.next().await) };
            let (answer, ()) = tokio::join!(address.ask(|reply| (1, reply)), actor);
            assert_eq!(answer, Err(Gone { actor: "counter" }));
        });
    }
}
