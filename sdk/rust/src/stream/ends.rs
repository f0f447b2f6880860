//! Where streams end.

use super::guest_sink::Writing;
use super::{GuestSink, SinkHandle, Stream};
use crate::bindings::exports::wasmill::dataflow::job::{OperatorKind, Partitioning};
use crate::codec::Record;
use crate::connector::Sink;
use crate::emit::Plain;
use crate::env::Port;
use crate::pipe::{Exit, Upstream, finish};

/// The end of a stream.
impl<T: 'static, U: Upstream<T>> Stream<T, U> {
    /// Ends the stream in a sink written in the bundle.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// struct Sum(u64);
    ///
    /// impl wasmill::GuestSink<u64> for Sum {
    ///     fn write(&mut self, number: &u64) -> Result<()> {
    ///         self.0 += number;
    ///         Ok(())
    ///     }
    ///
    ///     fn end(&mut self) -> Result<()> {
    ///         wasmill::metrics::add("sum", self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// fn sum(env: &Env) -> Result<()> {
    ///     env.guest_source(generate(10, |i| i)).sink_with(Sum(0));
    ///     Ok(())
    /// }
    ///
    /// assert_eq!(Job::new(sum).run()?.counter("sum"), 45);
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    pub fn sink_with<S: GuestSink<T>>(self, sink: S) -> SinkHandle {
        let env = self.env;
        let operator = env.add_operator("Sink: guest", OperatorKind::Guest, Vec::new());
        // It has no output that anybody could read.
        env.discard(operator);
        let prev = self.upstream.connect(&env, Port { operator, input: 0 });
        finish(prev, &env, |scope| Writing::new(scope, operator, sink));
        SinkHandle { env, operator }
    }

    /// Writes the records to a connector of the host, for instance [`File::csv`](crate::File::csv).
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// let numbers = env.guest_source(generate(2, |i| (i, i * i)));
    /// numbers.sink(File::csv(env.arg("output")?)).name("squares").parallelism(1);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).args(["--output", "any"]).run().unwrap();
    /// # assert_eq!(outcome.lines("squares"), ["0,0", "1,1"]);
    /// ```
    pub fn sink<S: Sink<T>>(self, sink: S) -> SinkHandle
    where
        T: Record,
    {
        let (connector, encoder) = sink.into_parts();
        let name = format!("Sink: {}", connector.name);
        let env = self.env;
        let operator = env.add_operator(&name, OperatorKind::SinkConnector(connector), Vec::new());
        let exit = Exit {
            to: Port { operator, input: 0 },
            format: S::FORMAT,
        };
        self.upstream
            .write(&env, exit, encoder, Plain(Partitioning::Forward));
        SinkHandle { env, operator }
    }

    /// Runs what leads here, although nobody reads its records: for its effects or its side outputs.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// fn counts_only(env: &Env) -> Result<()> {
    ///     let numbers = env.guest_source(generate(10, |i| i));
    ///     numbers.inspect(|_| wasmill::metrics::add("seen", 1)).discard();
    ///     Ok(())
    /// }
    ///
    /// assert_eq!(Job::new(counts_only).run()?.counter("seen"), 10);
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    pub fn discard(self)
    where
        T: Record,
    {
        self.upstream.discard(&self.env);
    }
}
