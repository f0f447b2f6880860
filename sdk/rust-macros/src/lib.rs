//! `#[wasmill::job]`: marks the main function of a bundle.
//!
//! The function stays an ordinary function, so tests call it natively; on Wasm the attribute adds the
//! exports of `wit/` that run it.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse_macro_input};

/// Makes `fn name(env: &Env) -> Result<()>` the program of the bundle.
///
/// Exactly one function of a bundle carries it.
#[proc_macro_attribute]
pub fn job(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    if let Some(error) = misuse(&arguments, &function) {
        return error.to_compile_error().into();
    }
    let name = &function.sig.ident;
    let exports = quote! {
        #[cfg(target_arch = "wasm32")]
        ::wasmill::export_job!(#name);
    };
    quote! { #function #exports }.into()
}

fn misuse(arguments: &TokenStream, function: &ItemFn) -> Option<syn::Error> {
    if !arguments.is_empty() {
        let message = "#[wasmill::job] takes no arguments";
        return Some(syn::Error::new_spanned(&function.sig.ident, message));
    }
    if function.sig.inputs.len() != 1 || function.sig.asyncness.is_some() {
        let message = "a job is `fn name(env: &Env) -> Result<()>`";
        return Some(syn::Error::new_spanned(&function.sig, message));
    }
    None
}
