//! What the host offers to a guest: the imports of `wit/`, one function each.
//!
//! `bundle` registers them once per kind of host. Each looks at its arguments in guest memory, checks
//! what has to hold before the host sees them, and hands them on as slices. Invariant: no argument can
//! make the host panic or allocate more than the transfer limit; a failure of the host ends the call as
//! that very failure.

use std::borrow::Cow;

use wasmill_actor::Clock;
use wasmill_types::TaskFailure;
use wasmill_types::batch::BlobsView;
use wasmill_types::operator::{self, OperatorHost, Timers};
use wasmtime::component::{Linker, LinkerInstance, WasmList, WasmStr};
use wasmtime::{StoreContext, StoreContextMut};

use crate::abi::{self, BatchList, BlobsList, Changes, Domain, Level, OptionalBlobs, Page};
use crate::contents::VERSION;
use crate::guest::{Guest, with_host, with_waiting_host};
use crate::limits::Limits;

type Store<'a, H> = StoreContextMut<'a, Guest<H>>;

/// A host that a linker can be made for.
pub(crate) trait Host: OperatorHost + Send + 'static {}
impl<H: OperatorHost + Send + 'static> Host for H {}

/// All imports, answered by a host of this type.
pub(crate) fn linker<H: Host>(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest<H>>> {
    let mut linker = Linker::new(engine);
    output(&mut interface(&mut linker, "output")?)?;
    state(&mut interface(&mut linker, "state")?)?;
    timers(&mut interface(&mut linker, "timers")?)?;
    context(&mut interface(&mut linker, "context")?)?;
    Ok(linker)
}

fn interface<'a, H: Host>(
    linker: &'a mut Linker<Guest<H>>,
    name: &str,
) -> wasmtime::Result<LinkerInstance<'a, Guest<H>>> {
    linker.instance(&format!("wasmill:dataflow/{name}@{VERSION}"))
}

fn output<H: Host>(imports: &mut LinkerInstance<'_, Guest<H>>) -> wasmtime::Result<()> {
    imports.func_wrap(
        "emit",
        |mut store: Store<'_, H>, (output, records): (u32, BatchList)| {
            let (count, bytes) = records.size();
            let counted = store.data_mut().count_emitted(count, bytes);
            counted.map_err(wasmtime::Error::new)?;
            with_waiting_host(&mut store, |side, store| {
                side.host.emit(output, records.view(store))
            })
        },
    )?;
    imports.func_wrap(
        "emit-watermark",
        |mut store: Store<'_, H>, (time,): (i64,)| {
            with_waiting_host(&mut store, |side, _| side.host.emit_watermark(time))
        },
    )?;
    imports.func_wrap("mark-idle", |mut store: Store<'_, H>, (): ()| {
        with_waiting_host(&mut store, |side, _| side.host.mark_idle())
    })
}

fn state<H: Host>(imports: &mut LinkerInstance<'_, Guest<H>>) -> wasmtime::Result<()> {
    imports.func_wrap(
        "get",
        |mut store: Store<'_, H>, (state, keys, sub_keys): (u32, BlobsList, BlobsList)| {
            with_waiting_host(&mut store, |side, store| {
                let keys = checked("state.get", "keys", &keys, store)?;
                let sub_keys = checked("state.get", "sub-keys", &sub_keys, store)?;
                if !sub_keys.is_empty() {
                    equal(
                        "state.get",
                        &[("keys", keys.len()), ("sub-keys", sub_keys.len())],
                    )?;
                }
                let found = side.host.state_get(state, keys, sub_keys)?;
                Ok((OptionalBlobs::from(found),))
            })
        },
    )?;
    imports.func_wrap(
        "write",
        |mut store: Store<'_, H>, (state, changes): (u32, Changes)| {
            with_waiting_host(&mut store, |side, store| {
                let changes = changes_in_place(&changes, store)?;
                side.host.state_write(state, changes)
            })
        },
    )?;
    imports.func_wrap(
        "scan",
        |mut store: Store<'_, H>,
         (state, key, after, limit): (u32, WasmList<u8>, Option<WasmList<u8>>, u32)| {
            with_waiting_host(&mut store, |side, store| {
                let key = abi::bytes(&key, store);
                let after = after.as_ref().map(|after| abi::bytes(after, store));
                let page = side.host.state_scan(state, key, after, limit)?;
                Ok((Page::from(page),))
            })
        },
    )
}

fn timers<H: Host>(imports: &mut LinkerInstance<'_, Guest<H>>) -> wasmtime::Result<()> {
    type Arguments = (Domain, WasmList<i64>, BlobsList, BlobsList);
    imports.func_wrap(
        "register",
        |mut store: Store<'_, H>, (domain, times, keys, namespaces): Arguments| {
            with_host(&mut store, |side, store| {
                let timers = timers_copied("timers.register", &times, &keys, &namespaces, store)?;
                side.host.register_timers(domain.into(), timers)
            })
        },
    )?;
    imports.func_wrap(
        "delete",
        |mut store: Store<'_, H>, (domain, times, keys, namespaces): Arguments| {
            with_host(&mut store, |side, store| {
                let timers = timers_copied("timers.delete", &times, &keys, &namespaces, store)?;
                side.host.delete_timers(domain.into(), timers)
            })
        },
    )
}

fn context<H: Host>(imports: &mut LinkerInstance<'_, Guest<H>>) -> wasmtime::Result<()> {
    imports.func_wrap("now", |mut store: Store<'_, H>, (): ()| {
        with_host(&mut store, |side, _| Ok((side.host.now(),)))
    })?;
    imports.func_wrap("random", |mut store: Store<'_, H>, (): ()| {
        with_host(&mut store, |side, _| Ok((side.host.random(),)))
    })?;
    imports.func_wrap(
        "log",
        |mut store: Store<'_, H>, (level, message): (Level, WasmStr)| {
            with_host(&mut store, |side, store| {
                let line = text("a log line", &message, store)?;
                side.log(level.into(), &line, books(store))
            })
        },
    )?;
    imports.func_wrap(
        "counter-add",
        |mut store: Store<'_, H>, (name, delta): (WasmStr, u64)| {
            metric(&mut store, &name, |host, name| {
                host.counter_add(name, delta);
            })
        },
    )?;
    imports.func_wrap(
        "gauge-set",
        |mut store: Store<'_, H>, (name, value): (WasmStr, f64)| {
            metric(&mut store, &name, |host, name| host.gauge_set(name, value))
        },
    )?;
    imports.func_wrap(
        "histogram-record",
        |mut store: Store<'_, H>, (name, value): (WasmStr, f64)| {
            metric(&mut store, &name, |host, name| {
                host.histogram_record(name, value);
            })
        },
    )
}

/// Byte strings in place, if their columns fit together.
fn checked<'a, T: 'static>(
    import: &str,
    argument: &str,
    list: &BlobsList,
    store: &'a StoreContext<'_, T>,
) -> Result<BlobsView<'a>, TaskFailure> {
    let broken = |error| TaskFailure::Contract(format!("`{import}`: in `{argument}`, {error}"));
    list.view(store).checked().map_err(broken)
}

/// Lists of which element `i` belongs together have one length.
fn equal(import: &str, lists: &[(&str, usize)]) -> Result<(), TaskFailure> {
    if lists.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        return Ok(());
    }
    let lists: Vec<_> = lists
        .iter()
        .map(|(name, len)| format!("`{name}` has {len}"))
        .collect();
    let lists = lists.join(", ");
    let message = format!("`{import}`: lists of different lengths: {lists}");
    Err(TaskFailure::Contract(message))
}

fn changes_in_place<'a, T: 'static>(
    changes: &'a Changes,
    store: &'a StoreContext<'_, T>,
) -> Result<operator::Changes<'a>, TaskFailure> {
    let import = "state.write";
    let keys = checked(import, "keys", &changes.keys, store)?;
    let sub_keys = checked(import, "sub-keys", &changes.sub_keys, store)?;
    let values = checked(import, "values", &changes.values, store)?;
    equal(
        import,
        &[
            ("kinds", changes.kinds.len()),
            ("keys", keys.len()),
            ("sub-keys", sub_keys.len()),
            ("values", values.len()),
        ],
    )?;
    Ok(operator::Changes {
        kinds: changes.kinds.iter().map(|kind| (*kind).into()).collect(),
        keys,
        sub_keys,
        values,
    })
}

fn timers_copied<T: 'static>(
    import: &str,
    times: &WasmList<i64>,
    keys: &BlobsList,
    namespaces: &BlobsList,
    store: &StoreContext<'_, T>,
) -> Result<Timers, TaskFailure> {
    let times = times.as_le_slice(store);
    let keys = checked(import, "keys", keys, store)?;
    let namespaces = checked(import, "namespaces", namespaces, store)?;
    equal(
        import,
        &[
            ("times", times.len()),
            ("keys", keys.len()),
            ("namespaces", namespaces.len()),
        ],
    )?;
    Ok(Timers {
        times: times.to_vec(),
        keys: keys.to_blobs(),
        namespaces: namespaces.to_blobs(),
    })
}

/// Records a value if the metric is one of those that the instance may name.
fn metric<H: Host>(
    store: &mut Store<'_, H>,
    name: &WasmStr,
    record: impl FnOnce(&mut H, &str),
) -> wasmtime::Result<()> {
    with_host(store, |side, store| {
        let name = text("the name of a metric", name, store)?;
        if let Some(host) = side.metric(&name, books(store))? {
            record(host, &name);
        }
        Ok(())
    })
}

/// A text in guest memory.
fn text<'a, T: 'static>(
    what: &str,
    text: &WasmStr,
    store: &'a StoreContext<'_, T>,
) -> Result<Cow<'a, str>, TaskFailure> {
    let broken = |error| TaskFailure::Contract(format!("{what} is not a text: {error:#}"));
    text.to_str(store).map_err(broken)
}

/// What the host side needs to judge a text.
fn books<'a, H>(store: &'a StoreContext<'_, Guest<H>>) -> (&'a Limits, &'a Clock) {
    let guest = store.data();
    (guest.limits(), guest.clock())
}
