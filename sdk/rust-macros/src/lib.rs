//! `#[wasmill::job]`: marks the main function of a bundle.
//!
//! The function stays an ordinary function, so tests call it natively; on Wasm the attribute adds the
//! exports of `wit/` that run it.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, LitStr, parse_macro_input};

/// Makes `fn name(env: &Env) -> Result<()>` the program of the bundle.
///
/// Exactly one function of a bundle carries it. The job has the name of the crate, unless the attribute
/// says another, `#[wasmill::job(name = "word count")]`, or the program does, with `env.name(…)`.
#[proc_macro_attribute]
pub fn job(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut name = None;
    let parser = syn::meta::parser(|meta| {
        if !meta.path.is_ident("name") {
            return Err(meta.error("#[wasmill::job] takes nothing but `name = \"…\"`"));
        }
        name = Some(meta.value()?.parse::<LitStr>()?);
        Ok(())
    });
    parse_macro_input!(arguments with parser);
    let function = parse_macro_input!(item as ItemFn);
    if let Some(error) = misuse(&function) {
        return error.to_compile_error().into();
    }
    let main = &function.sig.ident;
    let name = name.map_or_else(|| quote!(env!("CARGO_PKG_NAME")), |name| quote!(#name));
    let exports = quote! {
        #[cfg(target_arch = "wasm32")]
        ::wasmill::export_job!(#main, #name);
    };
    quote! { #function #exports }.into()
}

fn misuse(function: &ItemFn) -> Option<syn::Error> {
    if function.sig.inputs.len() != 1 || function.sig.asyncness.is_some() {
        let message = "a job is `fn name(env: &Env) -> Result<()>`";
        return Some(syn::Error::new_spanned(&function.sig, message));
    }
    None
}
