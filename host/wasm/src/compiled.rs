//! Loading compiled code back: the one place of this crate that is not checked by the compiler.
//!
//! `cache` calls it with what it wrote itself. Invariant: see the `SAFETY` comment.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Code whose origin the cache has checked: written by this user's process, into a place that nobody
/// else may write to, and unchanged since.
pub(crate) struct Trusted<'a> {
    code: &'a [u8],
}

impl<'a> Trusted<'a> {
    /// Says that `code` is the unchanged output of the compiler. Only `cache` may say so, after its
    /// checks of owner, permissions and checksum.
    pub(super) fn checked_by_cache(code: &'a [u8]) -> Self {
        Self { code }
    }

    /// Makes a component of the code.
    ///
    /// The sandbox checks that the code was made by its own version with the same configuration.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
        // SAFETY: `deserialize` requires bytes that `Component::serialize` produced. The cache stores
        // nothing else, in files and a directory that only this user may write, and `checked_by_cache`
        // is called only with bytes whose owner, permissions and SHA-256 have been checked. They are in
        // our own memory since, so nobody can change them between the check and the use.
        unsafe {
            Component::deserialize(engine, self.code)
        }
    }
}
