//! Which call has which answer: the table of all calls.
//!
//! Invariant: each message of [`crate::protocol`] has a row, and its answer is the one that the message's
//! comment promises.

use crate::call::Request;
use crate::protocol::{
    Acknowledge, Acknowledged, Cancel, Commit, Decline, Deploy, Deregister, Discard, Heartbeat,
    JobLog, LogLine, NextSplit, Notify, Prepare, Prepared, ReadState, Recover, Register,
    Registered, Release, SplitData, StateRows, TaskChanged, ToJobManager, ToTaskManager, Trigger,
};

macro_rules! calls {
    ($message:ident: $($name:literal $request:ident $($boxed:ident)? => $reply:ty;)*) => {$(
        impl From<$request> for $message {
            fn from(request: $request) -> Self {
                Self::$request(calls!(@wrap request $($boxed)?))
            }
        }

        impl Request for $request {
            type Message = $message;
            type Reply = $reply;
            const NAME: &'static str = $name;
        }
    )*};
    (@wrap $request:ident) => { $request };
    (@wrap $request:ident boxed) => { Box::new($request) };
}

calls! { ToJobManager:
    "register" Register boxed => Registered;
    "heartbeat" Heartbeat boxed => Acknowledged;
    "task changed" TaskChanged boxed => Acknowledged;
    "next split" NextSplit => Option<SplitData>;
    "acknowledge" Acknowledge boxed => Acknowledged;
    "decline" Decline boxed => Acknowledged;
    "deregister" Deregister => ();
}

calls! { ToTaskManager:
    "prepare" Prepare boxed => Prepared;
    "deploy" Deploy boxed => ();
    "cancel" Cancel => ();
    "commit" Commit => ();
    "discard" Discard => ();
    "recover" Recover boxed => ();
    "trigger" Trigger boxed => ();
    "notify" Notify => ();
    "release" Release => ();
    "job log" JobLog => Vec<LogLine>;
    "read state" ReadState boxed => StateRows;
}
