//! Generated from `wit/` by `tests/it/bindings.rs`; do not edit.
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod wasmill {
    pub mod dataflow {
        /// Shapes that the other interfaces share.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod types {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// Records as columns. Record `i` is `data[ends[i - 1] .. ends[i]]`, where `ends[-1]` is 0.
            ///
            /// `ends` never decreases and its last value is the length of `data`.
            #[derive(Clone, PartialEq)]
            pub struct Batch {
                /// Event time of each record, in milliseconds since the Unix epoch; the smallest `s64` means
                /// that the record has none. Empty means that no record of the batch has one.
                pub timestamps: _rt::Vec<i64>,
                /// One number per record on a `hash` edge: the low 32 bits of XXH3-64 over the encoded key. On a
                /// `custom` edge: the index of the target subtask. Empty on all other edges.
                pub hashes: _rt::Vec<u32>,
                /// Where each record ends in `data`, in bytes.
                pub ends: _rt::Vec<u32>,
                /// The encoded records, back to back, in the format that the edge names.
                pub data: _rt::Vec<u8>,
            }
            impl ::core::fmt::Debug for Batch {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Batch")
                        .field("timestamps", &self.timestamps)
                        .field("hashes", &self.hashes)
                        .field("ends", &self.ends)
                        .field("data", &self.data)
                        .finish()
                }
            }
            /// A list of byte strings as columns. String `i` is `data[ends[i - 1] .. ends[i]]`.
            #[derive(Clone, PartialEq)]
            pub struct Blobs {
                /// Where each string ends in `data`, in bytes.
                pub ends: _rt::Vec<u32>,
                /// The strings, back to back.
                pub data: _rt::Vec<u8>,
            }
            impl ::core::fmt::Debug for Blobs {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Blobs")
                        .field("ends", &self.ends)
                        .field("data", &self.data)
                        .finish()
                }
            }
            /// Byte strings of which some are absent. String `i` counts only where `present[i]` is true; an
            /// absent one is empty in `values`.
            #[derive(Clone, PartialEq)]
            pub struct OptionalBlobs {
                /// Whether the string is there at all.
                pub present: _rt::Vec<bool>,
                /// The strings.
                pub values: Blobs,
            }
            impl ::core::fmt::Debug for OptionalBlobs {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("OptionalBlobs")
                        .field("present", &self.present)
                        .field("values", &self.values)
                        .finish()
                }
            }
            /// A record that could not be processed.
            #[derive(Clone, PartialEq)]
            pub struct BadRecord {
                /// The index of the record in the batch that was being processed.
                pub index: u32,
                /// What is wrong with it, with the beginning of the record where that helps.
                pub message: _rt::String,
            }
            impl ::core::fmt::Debug for BadRecord {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("BadRecord")
                        .field("index", &self.index)
                        .field("message", &self.message)
                        .finish()
                }
            }
            /// Why a call into the bundle did not succeed. A trap is not a failure: it means that the code
            /// broke, and it ends the task with the sandbox's own message.
            #[derive(Clone, PartialEq)]
            pub enum Failure {
                /// The user's code returned an error; the text is that error with its causes.
                User(_rt::String),
                /// A record could not be decoded, or is not what the code can work with.
                BadRecord(BadRecord),
                /// The bundle cannot do what the host asked, for instance an unknown operator.
                Other(_rt::String),
            }
            impl ::core::fmt::Debug for Failure {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Failure::User(e) => {
                            f.debug_tuple("Failure::User").field(e).finish()
                        }
                        Failure::BadRecord(e) => {
                            f.debug_tuple("Failure::BadRecord").field(e).finish()
                        }
                        Failure::Other(e) => {
                            f.debug_tuple("Failure::Other").field(e).finish()
                        }
                    }
                }
            }
            impl ::core::fmt::Display for Failure {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    write!(f, "{:?}", self)
                }
            }
            impl ::core::error::Error for Failure {}
            /// The clock that a timer belongs to.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum TimeDomain {
                /// Time as the records tell it: a timer fires when the watermark reaches it.
                Event,
                /// Time as the host's clock tells it.
                Processing,
            }
            impl ::core::fmt::Debug for TimeDomain {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        TimeDomain::Event => f.debug_tuple("TimeDomain::Event").finish(),
                        TimeDomain::Processing => {
                            f.debug_tuple("TimeDomain::Processing").finish()
                        }
                    }
                }
            }
            impl TimeDomain {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> TimeDomain {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => TimeDomain::Event,
                        1 => TimeDomain::Processing,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
        }
        /// Where a chain puts its results. Imported.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod output {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Batch = super::super::super::wasmill::dataflow::types::Batch;
            #[allow(unused_unsafe, clippy::all)]
            /// Emits records on an output of `task-context.outputs`, in order. The host copies them before
            /// it returns, and may wait for the consumers first.
            ///
            /// A batch that is malformed, larger than the host's limits, or on an unknown output ends the
            /// task.
            #[allow(async_fn_in_trait)]
            pub fn emit(output: u32, records: &Batch) -> () {
                unsafe {
                    let super::super::super::wasmill::dataflow::types::Batch {
                        timestamps: timestamps0,
                        hashes: hashes0,
                        ends: ends0,
                        data: data0,
                    } = records;
                    let vec1 = timestamps0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = hashes0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let vec3 = ends0;
                    let ptr3 = vec3.as_ptr().cast::<u8>();
                    let len3 = vec3.len();
                    let vec4 = data0;
                    let ptr4 = vec4.as_ptr().cast::<u8>();
                    let len4 = vec4.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/output@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "emit"]
                        fn wit_import5(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import5(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import5(
                        _rt::as_i32(&output),
                        ptr1.cast_mut(),
                        len1,
                        ptr2.cast_mut(),
                        len2,
                        ptr3.cast_mut(),
                        len3,
                        ptr4.cast_mut(),
                        len4,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Emits a watermark on all outputs. A watermark that does not exceed the last one is ignored.
            #[allow(async_fn_in_trait)]
            pub fn emit_watermark(time: i64) -> () {
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/output@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "emit-watermark"]
                        fn wit_import0(_: i64);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0(_: i64) {
                        unreachable!()
                    }
                    wit_import0(_rt::as_i64(&time));
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Says that the outputs do not hold back event time until the next record or watermark.
            #[allow(async_fn_in_trait)]
            pub fn mark_idle() -> () {
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/output@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "mark-idle"]
                        fn wit_import0();
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() {
                        unreachable!()
                    }
                    wit_import0();
                }
            }
        }
        /// Keyed state of the operator at the head of the chain. Imported; calls take batches.
        ///
        /// A row is identified by state, key and sub-key; a `value` state has the empty sub-key. Reads see
        /// all earlier writes of this subtask. A key MUST belong to a key group of this subtask: anything
        /// else ends the task.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod state {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Blobs = super::super::super::wasmill::dataflow::types::Blobs;
            pub type OptionalBlobs = super::super::super::wasmill::dataflow::types::OptionalBlobs;
            /// What a change does.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum ChangeKind {
                /// Sets the row.
                Put,
                /// Removes the row if it is there.
                Delete,
                /// Removes all rows of the key.
                Clear,
            }
            impl ::core::fmt::Debug for ChangeKind {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        ChangeKind::Put => f.debug_tuple("ChangeKind::Put").finish(),
                        ChangeKind::Delete => {
                            f.debug_tuple("ChangeKind::Delete").finish()
                        }
                        ChangeKind::Clear => f.debug_tuple("ChangeKind::Clear").finish(),
                    }
                }
            }
            impl ChangeKind {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> ChangeKind {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => ChangeKind::Put,
                        1 => ChangeKind::Delete,
                        2 => ChangeKind::Clear,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// Changes to rows.
            #[derive(Clone, PartialEq)]
            pub struct Changes {
                /// What each change does.
                pub kinds: _rt::Vec<ChangeKind>,
                /// The key of each change.
                pub keys: Blobs,
                /// The sub-key of each change; empty for `clear`.
                pub sub_keys: Blobs,
                /// The new value for `put`, else empty.
                pub values: Blobs,
            }
            impl ::core::fmt::Debug for Changes {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Changes")
                        .field("kinds", &self.kinds)
                        .field("keys", &self.keys)
                        .field("sub-keys", &self.sub_keys)
                        .field("values", &self.values)
                        .finish()
                }
            }
            /// Rows of one key.
            #[derive(Clone, PartialEq)]
            pub struct Page {
                /// The sub-keys, ascending.
                pub sub_keys: Blobs,
                /// The value of each sub-key.
                pub values: Blobs,
                /// Whether rows follow after the last one.
                pub more: bool,
            }
            impl ::core::fmt::Debug for Page {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Page")
                        .field("sub-keys", &self.sub_keys)
                        .field("values", &self.values)
                        .field("more", &self.more)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Reads one row per key. `sub-keys` has one element per key, or none when all are empty.
            #[allow(async_fn_in_trait)]
            pub fn get(state: u32, keys: &Blobs, sub_keys: &Blobs) -> OptionalBlobs {
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 6 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 6
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends0,
                        data: data0,
                    } = keys;
                    let vec1 = ends0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = data0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends3,
                        data: data3,
                    } = sub_keys;
                    let vec4 = ends3;
                    let ptr4 = vec4.as_ptr().cast::<u8>();
                    let len4 = vec4.len();
                    let vec5 = data3;
                    let ptr5 = vec5.as_ptr().cast::<u8>();
                    let len5 = vec5.len();
                    let ptr6 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/state@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "get"]
                        fn wit_import7(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import7(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import7(
                        _rt::as_i32(&state),
                        ptr1.cast_mut(),
                        len1,
                        ptr2.cast_mut(),
                        len2,
                        ptr4.cast_mut(),
                        len4,
                        ptr5.cast_mut(),
                        len5,
                        ptr6,
                    );
                    let l8 = *ptr6.add(0).cast::<*mut u8>();
                    let l9 = *ptr6
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let base11 = l8;
                    let len11 = l9;
                    let mut result11 = _rt::Vec::with_capacity(len11);
                    for i in 0..len11 {
                        let base = base11.add(i * 1);
                        let e11 = {
                            let l10 = i32::from(*base.add(0).cast::<u8>());
                            _rt::bool_lift(l10 as u8)
                        };
                        result11.push(e11);
                    }
                    _rt::cabi_dealloc(base11, len11 * 1, 1);
                    let l12 = *ptr6
                        .add(2 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l13 = *ptr6
                        .add(3 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len14 = l13;
                    let l15 = *ptr6
                        .add(4 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l16 = *ptr6
                        .add(5 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len17 = l16;
                    let result18 = super::super::super::wasmill::dataflow::types::OptionalBlobs {
                        present: result11,
                        values: super::super::super::wasmill::dataflow::types::Blobs {
                            ends: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l12.cast(), len14, len14)),
                            data: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l15.cast(), len17, len17)),
                        },
                    };
                    result18
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Applies changes in order. All lists have one element per change.
            #[allow(async_fn_in_trait)]
            pub fn write(state: u32, changes: &Changes) -> () {
                unsafe {
                    let Changes {
                        kinds: kinds0,
                        keys: keys0,
                        sub_keys: sub_keys0,
                        values: values0,
                    } = changes;
                    let vec1 = kinds0;
                    let len1 = vec1.len();
                    let layout1 = _rt::alloc::Layout::from_size_align(vec1.len() * 1, 1)
                        .unwrap();
                    let (result1, _cleanup1) = wit_bindgen::rt::Cleanup::new(layout1);
                    for (i, e) in vec1.into_iter().enumerate() {
                        let base = result1.add(i * 1);
                        {
                            *base.add(0).cast::<u8>() = (e.clone() as i32) as u8;
                        }
                    }
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends2,
                        data: data2,
                    } = keys0;
                    let vec3 = ends2;
                    let ptr3 = vec3.as_ptr().cast::<u8>();
                    let len3 = vec3.len();
                    let vec4 = data2;
                    let ptr4 = vec4.as_ptr().cast::<u8>();
                    let len4 = vec4.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends5,
                        data: data5,
                    } = sub_keys0;
                    let vec6 = ends5;
                    let ptr6 = vec6.as_ptr().cast::<u8>();
                    let len6 = vec6.len();
                    let vec7 = data5;
                    let ptr7 = vec7.as_ptr().cast::<u8>();
                    let len7 = vec7.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends8,
                        data: data8,
                    } = values0;
                    let vec9 = ends8;
                    let ptr9 = vec9.as_ptr().cast::<u8>();
                    let len9 = vec9.len();
                    let vec10 = data8;
                    let ptr10 = vec10.as_ptr().cast::<u8>();
                    let len10 = vec10.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/state@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "write"]
                        fn wit_import11(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import11(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import11(
                        _rt::as_i32(&state),
                        result1,
                        len1,
                        ptr3.cast_mut(),
                        len3,
                        ptr4.cast_mut(),
                        len4,
                        ptr6.cast_mut(),
                        len6,
                        ptr7.cast_mut(),
                        len7,
                        ptr9.cast_mut(),
                        len9,
                        ptr10.cast_mut(),
                        len10,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Reads the rows of one key in ascending order of the sub-key's bytes, those after `after` only,
            /// at most `limit`.
            #[allow(async_fn_in_trait)]
            pub fn scan(
                state: u32,
                key: &[u8],
                after: ::core::option::Option<&[u8]>,
                limit: u32,
            ) -> Page {
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 9 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 9
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = key;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let (result2_0, result2_1, result2_2) = match after {
                        Some(e) => {
                            let vec1 = e;
                            let ptr1 = vec1.as_ptr().cast::<u8>();
                            let len1 = vec1.len();
                            (1i32, ptr1.cast_mut(), len1)
                        }
                        None => (0i32, ::core::ptr::null_mut(), 0usize),
                    };
                    let ptr3 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/state@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "scan"]
                        fn wit_import4(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import4(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import4(
                        _rt::as_i32(&state),
                        ptr0.cast_mut(),
                        len0,
                        result2_0,
                        result2_1,
                        result2_2,
                        _rt::as_i32(&limit),
                        ptr3,
                    );
                    let l5 = *ptr3.add(0).cast::<*mut u8>();
                    let l6 = *ptr3
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len7 = l6;
                    let l8 = *ptr3
                        .add(2 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l9 = *ptr3
                        .add(3 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len10 = l9;
                    let l11 = *ptr3
                        .add(4 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l12 = *ptr3
                        .add(5 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len13 = l12;
                    let l14 = *ptr3
                        .add(6 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l15 = *ptr3
                        .add(7 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len16 = l15;
                    let l17 = i32::from(
                        *ptr3.add(8 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                    );
                    let result18 = Page {
                        sub_keys: super::super::super::wasmill::dataflow::types::Blobs {
                            ends: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l5.cast(), len7, len7)),
                            data: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l8.cast(), len10, len10)),
                        },
                        values: super::super::super::wasmill::dataflow::types::Blobs {
                            ends: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l11.cast(), len13, len13)),
                            data: <_ as From<
                                _rt::Vec<_>,
                            >>::from(_rt::Vec::from_raw_parts(l14.cast(), len16, len16)),
                        },
                        more: _rt::bool_lift(l17 as u8),
                    };
                    result18
                }
            }
        }
        /// Timers of the keyed operator at the head of the chain. Imported; calls take batches.
        ///
        /// A timer is identified by domain, time, key and namespace: registering it twice fires it once.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod timers {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Blobs = super::super::super::wasmill::dataflow::types::Blobs;
            pub type TimeDomain = super::super::super::wasmill::dataflow::types::TimeDomain;
            #[allow(unused_unsafe, clippy::all)]
            /// Registers timers; element `i` of each list is one. A time that has passed fires at the next
            /// opportunity, not within this call.
            #[allow(async_fn_in_trait)]
            pub fn register(
                domain: TimeDomain,
                times: &[i64],
                keys: &Blobs,
                namespaces: &Blobs,
            ) -> () {
                unsafe {
                    let vec0 = times;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends1,
                        data: data1,
                    } = keys;
                    let vec2 = ends1;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let vec3 = data1;
                    let ptr3 = vec3.as_ptr().cast::<u8>();
                    let len3 = vec3.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends4,
                        data: data4,
                    } = namespaces;
                    let vec5 = ends4;
                    let ptr5 = vec5.as_ptr().cast::<u8>();
                    let len5 = vec5.len();
                    let vec6 = data4;
                    let ptr6 = vec6.as_ptr().cast::<u8>();
                    let len6 = vec6.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/timers@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "register"]
                        fn wit_import7(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import7(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import7(
                        domain.clone() as i32,
                        ptr0.cast_mut(),
                        len0,
                        ptr2.cast_mut(),
                        len2,
                        ptr3.cast_mut(),
                        len3,
                        ptr5.cast_mut(),
                        len5,
                        ptr6.cast_mut(),
                        len6,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Deletes timers; those that do not exist are ignored.
            #[allow(async_fn_in_trait)]
            pub fn delete(
                domain: TimeDomain,
                times: &[i64],
                keys: &Blobs,
                namespaces: &Blobs,
            ) -> () {
                unsafe {
                    let vec0 = times;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends1,
                        data: data1,
                    } = keys;
                    let vec2 = ends1;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let vec3 = data1;
                    let ptr3 = vec3.as_ptr().cast::<u8>();
                    let len3 = vec3.len();
                    let super::super::super::wasmill::dataflow::types::Blobs {
                        ends: ends4,
                        data: data4,
                    } = namespaces;
                    let vec5 = ends4;
                    let ptr5 = vec5.as_ptr().cast::<u8>();
                    let len5 = vec5.len();
                    let vec6 = data4;
                    let ptr6 = vec6.as_ptr().cast::<u8>();
                    let len6 = vec6.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/timers@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "delete"]
                        fn wit_import7(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import7(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import7(
                        domain.clone() as i32,
                        ptr0.cast_mut(),
                        len0,
                        ptr2.cast_mut(),
                        len2,
                        ptr3.cast_mut(),
                        len3,
                        ptr5.cast_mut(),
                        len5,
                        ptr6.cast_mut(),
                        len6,
                    );
                }
            }
        }
        /// The world outside, as far as a bundle can see it. Imported.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod context {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// How important a log line is.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Level {
                /// A person must look.
                Error,
                /// Unexpected, but handled.
                Warn,
                /// A change of state worth knowing.
                Info,
                /// For finding faults.
                Debug,
                /// For following single records.
                Trace,
            }
            impl ::core::fmt::Debug for Level {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Level::Error => f.debug_tuple("Level::Error").finish(),
                        Level::Warn => f.debug_tuple("Level::Warn").finish(),
                        Level::Info => f.debug_tuple("Level::Info").finish(),
                        Level::Debug => f.debug_tuple("Level::Debug").finish(),
                        Level::Trace => f.debug_tuple("Level::Trace").finish(),
                    }
                }
            }
            impl Level {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Level {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Level::Error,
                        1 => Level::Warn,
                        2 => Level::Info,
                        3 => Level::Debug,
                        4 => Level::Trace,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The host's clock, in milliseconds since the Unix epoch.
            #[allow(async_fn_in_trait)]
            pub fn now() -> i64 {
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "now"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Random bits, different in each subtask. Not for secrets.
            #[allow(async_fn_in_trait)]
            pub fn random() -> u64 {
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "random"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret as u64
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Writes a line to the job's log. Long lines are cut, and lines above the host's rate are
            /// dropped and counted.
            #[allow(async_fn_in_trait)]
            pub fn log(level: Level, message: &str) -> () {
                unsafe {
                    let vec0 = message;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "log"]
                        fn wit_import1(_: i32, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i32, _: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(level.clone() as i32, ptr0.cast_mut(), len0);
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Adds to a counter of this subtask. Names above the host's number of metrics are ignored.
            #[allow(async_fn_in_trait)]
            pub fn counter_add(name: &str, delta: u64) -> () {
                unsafe {
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "counter-add"]
                        fn wit_import1(_: *mut u8, _: usize, _: i64);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize, _: i64) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0, _rt::as_i64(&delta));
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Sets a gauge of this subtask.
            #[allow(async_fn_in_trait)]
            pub fn gauge_set(name: &str, value: f64) -> () {
                unsafe {
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "gauge-set"]
                        fn wit_import1(_: *mut u8, _: usize, _: f64);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize, _: f64) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0, _rt::as_f64(&value));
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Adds a value to a histogram of this subtask.
            #[allow(async_fn_in_trait)]
            pub fn histogram_record(name: &str, value: f64) -> () {
                unsafe {
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "histogram-record"]
                        fn wit_import1(_: *mut u8, _: usize, _: f64);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize, _: f64) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0, _rt::as_f64(&value));
                }
            }
        }
    }
}
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmill {
        pub mod dataflow {
            /// Operators that make records. Exported by bundles that have an operator of kind `guest-source`.
            ///
            /// A split is a part of the input that one subtask reads on its own, as bytes that only the bundle
            /// understands. A split holds its own position: what `snapshot` returns can be given to `assign`.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod source {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Blobs = super::super::super::super::wasmill::dataflow::types::Blobs;
                pub type Failure = super::super::super::super::wasmill::dataflow::types::Failure;
                /// What `poll` left behind.
                #[derive(Clone, Copy, PartialEq)]
                pub enum PollStatus {
                    /// There may be more at once.
                    Ready,
                    /// There is nothing before this time, in milliseconds since the Unix epoch.
                    IdleUntil(i64),
                    /// All assigned splits are at their end.
                    Finished,
                }
                impl ::core::fmt::Debug for PollStatus {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            PollStatus::Ready => {
                                f.debug_tuple("PollStatus::Ready").finish()
                            }
                            PollStatus::IdleUntil(e) => {
                                f.debug_tuple("PollStatus::IdleUntil").field(e).finish()
                            }
                            PollStatus::Finished => {
                                f.debug_tuple("PollStatus::Finished").finish()
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_splits_cabi<T_: Guest>(
                    arg0: *mut u8,
                    arg1: usize,
                    arg2: i32,
                    arg3: i32,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result4 = {
                            let base3 = arg0;
                            let len3 = arg1;
                            let mut result3 = _rt::Vec::with_capacity(len3);
                            for i in 0..len3 {
                                let base = base3
                                    .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                let e3 = {
                                    let l0 = *base.add(0).cast::<*mut u8>();
                                    let l1 = *base
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len2 = l1;
                                    let bytes2 = _rt::Vec::from_raw_parts(
                                        l0.cast(),
                                        len2,
                                        len2,
                                    );
                                    _rt::string_lift(bytes2)
                                };
                                result3.push(e3);
                            }
                            _rt::cabi_dealloc(
                                base3,
                                len3 * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            );
                            T_::splits(result3, arg2 as u32, arg3 as u32)
                        };
                        let ptr5 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result4 {
                            Ok(e) => {
                                *ptr5.add(0).cast::<u8>() = (0i32) as u8;
                                let super::super::super::super::wasmill::dataflow::types::Blobs {
                                    ends: ends6,
                                    data: data6,
                                } = e;
                                let vec7 = <_ as Into<_rt::Vec<_>>>::into(ends6)
                                    .into_boxed_slice();
                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                let len7 = vec7.len();
                                ::core::mem::forget(vec7);
                                *ptr5
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len7;
                                *ptr5
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr7.cast_mut();
                                let vec8 = <_ as Into<_rt::Vec<_>>>::into(data6)
                                    .into_boxed_slice();
                                let ptr8 = vec8.as_ptr().cast::<u8>();
                                let len8 = vec8.len();
                                ::core::mem::forget(vec8);
                                *ptr5
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len8;
                                *ptr5
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr8.cast_mut();
                            }
                            Err(e) => {
                                *ptr5.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V13;
                                match e {
                                    V13::User(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec9 = (e.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                    }
                                    V13::BadRecord(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index10,
                                            message: message10,
                                        } = e;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index10);
                                        let vec11 = (message10.into_bytes()).into_boxed_slice();
                                        let ptr11 = vec11.as_ptr().cast::<u8>();
                                        let len11 = vec11.len();
                                        ::core::mem::forget(vec11);
                                        *ptr5
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len11;
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr11.cast_mut();
                                    }
                                    V13::Other(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec12 = (e.into_bytes()).into_boxed_slice();
                                        let ptr12 = vec12.as_ptr().cast::<u8>();
                                        let len12 = vec12.len();
                                        ::core::mem::forget(vec12);
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len12;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr12.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr5
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_splits<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base3 = l1;
                                let len3 = l2;
                                _rt::cabi_dealloc(base3, len3 * 4, 4);
                                let l4 = *arg0
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *arg0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base6 = l4;
                                let len6 = l5;
                                _rt::cabi_dealloc(base6, len6 * 1, 1);
                            }
                            _ => {
                                let l7 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l7 {
                                    0 => {
                                        let l8 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l9 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l8, l9, 1);
                                    }
                                    1 => {
                                        let l10 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l11 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l10, l11, 1);
                                    }
                                    _ => {
                                        let l12 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l13 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l12, l13, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_assign_cabi<T_: Guest>(
                    arg0: *mut u8,
                    arg1: usize,
                    arg2: *mut u8,
                    arg3: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result2 = {
                            let len0 = arg1;
                            let len1 = arg3;
                            T_::assign(super::super::super::super::wasmill::dataflow::types::Blobs {
                                ends: <_ as From<
                                    _rt::Vec<_>,
                                >>::from(_rt::Vec::from_raw_parts(arg0.cast(), len0, len0)),
                                data: <_ as From<
                                    _rt::Vec<_>,
                                >>::from(_rt::Vec::from_raw_parts(arg2.cast(), len1, len1)),
                            })
                        };
                        let ptr3 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result2 {
                            Ok(_) => {
                                *ptr3.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr3.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V8;
                                match e {
                                    V8::User(e) => {
                                        *ptr3
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec4 = (e.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr3
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr3
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V8::BadRecord(e) => {
                                        *ptr3
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index5,
                                            message: message5,
                                        } = e;
                                        *ptr3
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index5);
                                        let vec6 = (message5.into_bytes()).into_boxed_slice();
                                        let ptr6 = vec6.as_ptr().cast::<u8>();
                                        let len6 = vec6.len();
                                        ::core::mem::forget(vec6);
                                        *ptr3
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len6;
                                        *ptr3
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr6.cast_mut();
                                    }
                                    V8::Other(e) => {
                                        *ptr3
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec7 = (e.into_bytes()).into_boxed_slice();
                                        let ptr7 = vec7.as_ptr().cast::<u8>();
                                        let len7 = vec7.len();
                                        ::core::mem::forget(vec7);
                                        *ptr3
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len7;
                                        *ptr3
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr7.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr3
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_assign<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_poll_cabi<T_: Guest>(arg0: i32) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::poll(arg0 as u32) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                match e {
                                    PollStatus::Ready => {
                                        *ptr1.add(8).cast::<u8>() = (0i32) as u8;
                                    }
                                    PollStatus::IdleUntil(e) => {
                                        *ptr1.add(8).cast::<u8>() = (1i32) as u8;
                                        *ptr1.add(16).cast::<i64>() = _rt::as_i64(e);
                                    }
                                    PollStatus::Finished => {
                                        *ptr1.add(8).cast::<u8>() = (2i32) as u8;
                                    }
                                }
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V6;
                                match e {
                                    V6::User(e) => {
                                        *ptr1.add(8).cast::<u8>() = (0i32) as u8;
                                        let vec2 = (e.into_bytes()).into_boxed_slice();
                                        let ptr2 = vec2.as_ptr().cast::<u8>();
                                        let len2 = vec2.len();
                                        ::core::mem::forget(vec2);
                                        *ptr1
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len2;
                                        *ptr1
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr2.cast_mut();
                                    }
                                    V6::BadRecord(e) => {
                                        *ptr1.add(8).cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index3,
                                            message: message3,
                                        } = e;
                                        *ptr1
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index3);
                                        let vec4 = (message3.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr1
                                            .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr1
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V6::Other(e) => {
                                        *ptr1.add(8).cast::<u8>() = (2i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_poll<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(*arg0.add(8).cast::<u8>());
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_snapshot_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::snapshot() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                let super::super::super::super::wasmill::dataflow::types::Blobs {
                                    ends: ends2,
                                    data: data2,
                                } = e;
                                let vec3 = <_ as Into<_rt::Vec<_>>>::into(ends2)
                                    .into_boxed_slice();
                                let ptr3 = vec3.as_ptr().cast::<u8>();
                                let len3 = vec3.len();
                                ::core::mem::forget(vec3);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len3;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr3.cast_mut();
                                let vec4 = <_ as Into<_rt::Vec<_>>>::into(data2)
                                    .into_boxed_slice();
                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                let len4 = vec4.len();
                                ::core::mem::forget(vec4);
                                *ptr1
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len4;
                                *ptr1
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr4.cast_mut();
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V9;
                                match e {
                                    V9::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                    V9::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index6,
                                            message: message6,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index6);
                                        let vec7 = (message6.into_bytes()).into_boxed_slice();
                                        let ptr7 = vec7.as_ptr().cast::<u8>();
                                        let len7 = vec7.len();
                                        ::core::mem::forget(vec7);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len7;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr7.cast_mut();
                                    }
                                    V9::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec8 = (e.into_bytes()).into_boxed_slice();
                                        let ptr8 = vec8.as_ptr().cast::<u8>();
                                        let len8 = vec8.len();
                                        ::core::mem::forget(vec8);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len8;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr8.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_snapshot<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base3 = l1;
                                let len3 = l2;
                                _rt::cabi_dealloc(base3, len3 * 4, 4);
                                let l4 = *arg0
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *arg0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base6 = l4;
                                let len6 = l5;
                                _rt::cabi_dealloc(base6, len6 * 1, 1);
                            }
                            _ => {
                                let l7 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l7 {
                                    0 => {
                                        let l8 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l9 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l8, l9, 1);
                                    }
                                    1 => {
                                        let l10 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l11 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l10, l11, 1);
                                    }
                                    _ => {
                                        let l12 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l13 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l12, l13, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Divides the input of a source operator among about `parallelism` readers. Called once per job
                    /// on an instance that is not otherwise used.
                    #[allow(async_fn_in_trait)]
                    fn splits(
                        args: _rt::Vec<_rt::String>,
                        operator: u32,
                        parallelism: u32,
                    ) -> ::core::result::Result<Blobs, Failure>;
                    /// Gives more splits to this subtask. Called after `operator.open`.
                    #[allow(async_fn_in_trait)]
                    fn assign(splits: Blobs) -> ::core::result::Result<(), Failure>;
                    /// Makes at most about `max-records` records and emits what they cause. The bundle adds their number
                    /// to the counter `numRecordsIn`: the host sees only what leaves the task, and takes that for the
                    /// number where nothing is counted.
                    #[allow(async_fn_in_trait)]
                    fn poll(
                        max_records: u32,
                    ) -> ::core::result::Result<PollStatus, Failure>;
                    /// The unfinished splits with their positions.
                    #[allow(async_fn_in_trait)]
                    fn snapshot() -> ::core::result::Result<Blobs, Failure>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmill_dataflow_source_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmill:dataflow/source@0.1.0#splits")] unsafe extern "C" fn
                        export_splits(arg0 : * mut u8, arg1 : usize, arg2 : i32, arg3 :
                        i32,) -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_splits_cabi::<$ty > (arg0, arg1, arg2, arg3) } } #[unsafe
                        (export_name = "cabi_post_wasmill:dataflow/source@0.1.0#splits")]
                        unsafe extern "C" fn _post_return_splits(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_splits::<$ty > (arg0)
                        } } #[unsafe (export_name =
                        "wasmill:dataflow/source@0.1.0#assign")] unsafe extern "C" fn
                        export_assign(arg0 : * mut u8, arg1 : usize, arg2 : * mut u8,
                        arg3 : usize,) -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_assign_cabi::<$ty > (arg0, arg1, arg2, arg3) } } #[unsafe
                        (export_name = "cabi_post_wasmill:dataflow/source@0.1.0#assign")]
                        unsafe extern "C" fn _post_return_assign(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_assign::<$ty > (arg0)
                        } } #[unsafe (export_name =
                        "wasmill:dataflow/source@0.1.0#poll")] unsafe extern "C" fn
                        export_poll(arg0 : i32,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_poll_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/source@0.1.0#poll")] unsafe extern
                        "C" fn _post_return_poll(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_poll::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "wasmill:dataflow/source@0.1.0#snapshot")] unsafe extern "C" fn
                        export_snapshot() -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_snapshot_cabi::<$ty > () } } #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/source@0.1.0#snapshot")] unsafe
                        extern "C" fn _post_return_snapshot(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_snapshot::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmill_dataflow_source_0_1_0_cabi;
                #[repr(align(8))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 8 + 4 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 8
                        + 4 * ::core::mem::size_of::<*const u8>()],
                );
            }
            /// The dataflow graph of the job. Exported.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod job {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                /// A connector of the host and its options.
                #[derive(Clone, PartialEq)]
                pub struct Connector {
                    /// The connector's name, for instance `file`.
                    pub name: _rt::String,
                    /// Option names and values, in any order; each name at most once.
                    pub options: _rt::Vec<(_rt::String, _rt::String)>,
                }
                impl ::core::fmt::Debug for Connector {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Connector")
                            .field("name", &self.name)
                            .field("options", &self.options)
                            .finish()
                    }
                }
                /// What runs an operator.
                #[derive(Clone, PartialEq)]
                pub enum OperatorKind {
                    /// A source built into the host.
                    SourceConnector(Connector),
                    /// A sink built into the host.
                    SinkConnector(Connector),
                    /// Code of this bundle, reached through `operator`.
                    Guest,
                    /// Code of this bundle that makes records, reached through `operator` and `source`.
                    GuestSource,
                }
                impl ::core::fmt::Debug for OperatorKind {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            OperatorKind::SourceConnector(e) => {
                                f.debug_tuple("OperatorKind::SourceConnector")
                                    .field(e)
                                    .finish()
                            }
                            OperatorKind::SinkConnector(e) => {
                                f.debug_tuple("OperatorKind::SinkConnector")
                                    .field(e)
                                    .finish()
                            }
                            OperatorKind::Guest => {
                                f.debug_tuple("OperatorKind::Guest").finish()
                            }
                            OperatorKind::GuestSource => {
                                f.debug_tuple("OperatorKind::GuestSource").finish()
                            }
                        }
                    }
                }
                /// Whether an operator may be fused with its neighbours into one task.
                #[repr(u8)]
                #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
                pub enum Chaining {
                    /// With the operator before it and with those after it.
                    Always,
                    /// Only with those after it: it starts a chain.
                    Head,
                    /// With none.
                    Never,
                }
                impl ::core::fmt::Debug for Chaining {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Chaining::Always => {
                                f.debug_tuple("Chaining::Always").finish()
                            }
                            Chaining::Head => f.debug_tuple("Chaining::Head").finish(),
                            Chaining::Never => f.debug_tuple("Chaining::Never").finish(),
                        }
                    }
                }
                impl Chaining {
                    #[doc(hidden)]
                    pub unsafe fn _lift(val: u8) -> Chaining {
                        if !cfg!(debug_assertions) {
                            return unsafe { ::core::mem::transmute(val) };
                        }
                        match val {
                            0 => Chaining::Always,
                            1 => Chaining::Head,
                            2 => Chaining::Never,
                            _ => panic!("invalid enum discriminant"),
                        }
                    }
                }
                /// What a state keeps, and for whom.
                #[repr(u8)]
                #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
                pub enum StateKind {
                    /// One value per key.
                    Value,
                    /// A list per key.
                    List,
                    /// A map per key.
                    Map,
                    /// One value per key into which others are folded.
                    Reducing,
                    /// One accumulator per key.
                    Aggregating,
                    /// A list per subtask that is divided evenly when the parallelism changes.
                    OperatorList,
                    /// A list per subtask of which every subtask gets all parts on restore.
                    OperatorUnion,
                    /// A map that is equal in all subtasks.
                    Broadcast,
                }
                impl ::core::fmt::Debug for StateKind {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            StateKind::Value => {
                                f.debug_tuple("StateKind::Value").finish()
                            }
                            StateKind::List => f.debug_tuple("StateKind::List").finish(),
                            StateKind::Map => f.debug_tuple("StateKind::Map").finish(),
                            StateKind::Reducing => {
                                f.debug_tuple("StateKind::Reducing").finish()
                            }
                            StateKind::Aggregating => {
                                f.debug_tuple("StateKind::Aggregating").finish()
                            }
                            StateKind::OperatorList => {
                                f.debug_tuple("StateKind::OperatorList").finish()
                            }
                            StateKind::OperatorUnion => {
                                f.debug_tuple("StateKind::OperatorUnion").finish()
                            }
                            StateKind::Broadcast => {
                                f.debug_tuple("StateKind::Broadcast").finish()
                            }
                        }
                    }
                }
                impl StateKind {
                    #[doc(hidden)]
                    pub unsafe fn _lift(val: u8) -> StateKind {
                        if !cfg!(debug_assertions) {
                            return unsafe { ::core::mem::transmute(val) };
                        }
                        match val {
                            0 => StateKind::Value,
                            1 => StateKind::List,
                            2 => StateKind::Map,
                            3 => StateKind::Reducing,
                            4 => StateKind::Aggregating,
                            5 => StateKind::OperatorList,
                            6 => StateKind::OperatorUnion,
                            7 => StateKind::Broadcast,
                            _ => panic!("invalid enum discriminant"),
                        }
                    }
                }
                /// A state that an operator keeps.
                #[derive(Clone, PartialEq)]
                pub struct StateSpec {
                    /// Identifies the state within its operator.
                    pub id: u32,
                    /// The state's name, unique within its operator.
                    pub name: _rt::String,
                    /// What is kept.
                    pub kind: StateKind,
                    /// How long an entry lives after it was written, in milliseconds; absent: for ever.
                    pub ttl: ::core::option::Option<u64>,
                    /// The types of what is kept; absent: unknown, and never compared.
                    ///
                    /// The host keeps it with the state, refuses to restore state into a type that cannot read it, and
                    /// reads keys and values for people by it. So a bundle that describes its types MUST encode them
                    /// as postcard does, and MUST describe equal types equally each time. At most 8192 bytes of:
                    ///
                    /// ```text
                    /// schema  = [type " -> "] type     keyed states: of the key, and of what is kept for it
                    /// type    = "_"                    not known
                    ///         | "()" | "bool" | "char" | "String" | "bytes" | "f32" | "f64"
                    ///         | "i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128"
                    ///         | "Option<" type ">" | "Vec<" type ">" | "Map<" type ", " type ">"
                    ///         | "(" type ", " ... ")" | "(" type ",)" | "[" type "; " number "]"
                    ///         | "struct " name [fields]
                    ///         | "enum " name " { " name [fields] ", " ... " }"
                    ///         | "^" name               the innermost struct or enum around it of that name
                    /// fields  = "(" type ", " ... ")" | " { " name ": " type ", " ... " }"
                    /// name    = an identifier, or any text quoted and escaped as a Rust string
                    /// ```
                    ///
                    /// What is kept is the type of a value, an accumulator or an item of a list; of maps and broadcast
                    /// state it is `Map<..>`, whose keys and values are encoded apart.
                    pub schema: ::core::option::Option<_rt::String>,
                }
                impl ::core::fmt::Debug for StateSpec {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("StateSpec")
                            .field("id", &self.id)
                            .field("name", &self.name)
                            .field("kind", &self.kind)
                            .field("ttl", &self.ttl)
                            .field("schema", &self.schema)
                            .finish()
                    }
                }
                /// One logical operator.
                #[derive(Clone, PartialEq)]
                pub struct OperatorSpec {
                    /// Identifies the operator within this graph.
                    pub id: u32,
                    /// The operator's name as people see it.
                    pub name: _rt::String,
                    /// What runs it.
                    pub kind: OperatorKind,
                    /// Whether it may be fused with its neighbours.
                    pub chaining: Chaining,
                    /// The states that it keeps.
                    pub states: _rt::Vec<StateSpec>,
                    /// A name, unique in the job, that ties the operator to its state across versions of the program.
                    pub uid: ::core::option::Option<_rt::String>,
                    /// The number of parallel subtasks; at least 1.
                    pub parallelism: ::core::option::Option<u32>,
                    /// The number of key groups, 1 to 32768: the upper bound of the parallelism for ever.
                    pub max_parallelism: ::core::option::Option<u32>,
                    /// Operators of different groups never share a slot. Absent: the group of the inputs where they
                    /// agree, else `default`.
                    pub slot_sharing_group: ::core::option::Option<_rt::String>,
                    /// Subtasks `i` of all operators with the same constraint run in the same slot.
                    pub co_location: ::core::option::Option<_rt::String>,
                    /// Set by operators that make watermarks, to milliseconds. The host forwards no watermark and no
                    /// idleness that comes in to the outputs of the operator's chain, except the end of event time, and
                    /// calls `operator.on-timers` without timers at this interval; 0: never. Absent: others make them.
                    pub watermark_interval: ::core::option::Option<u32>,
                }
                impl ::core::fmt::Debug for OperatorSpec {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("OperatorSpec")
                            .field("id", &self.id)
                            .field("name", &self.name)
                            .field("kind", &self.kind)
                            .field("chaining", &self.chaining)
                            .field("states", &self.states)
                            .field("uid", &self.uid)
                            .field("parallelism", &self.parallelism)
                            .field("max-parallelism", &self.max_parallelism)
                            .field("slot-sharing-group", &self.slot_sharing_group)
                            .field("co-location", &self.co_location)
                            .field("watermark-interval", &self.watermark_interval)
                            .finish()
                    }
                }
                /// How the records of an edge are spread over the reader's subtasks.
                #[repr(u8)]
                #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
                pub enum Partitioning {
                    /// Subtask `i` to subtask `i`; between operators of different parallelism the host uses
                    /// `rebalance`.
                    Forward,
                    /// By the key's hash, to the owner of the key group.
                    Hash,
                    /// To all subtasks in turn.
                    Rebalance,
                    /// In turn to a fixed share of the subtasks.
                    Rescale,
                    /// To a random subtask.
                    Shuffle,
                    /// To every subtask.
                    Broadcast,
                    /// To subtask 0.
                    Global,
                    /// To the subtask that the bundle chose.
                    Custom,
                }
                impl ::core::fmt::Debug for Partitioning {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Partitioning::Forward => {
                                f.debug_tuple("Partitioning::Forward").finish()
                            }
                            Partitioning::Hash => {
                                f.debug_tuple("Partitioning::Hash").finish()
                            }
                            Partitioning::Rebalance => {
                                f.debug_tuple("Partitioning::Rebalance").finish()
                            }
                            Partitioning::Rescale => {
                                f.debug_tuple("Partitioning::Rescale").finish()
                            }
                            Partitioning::Shuffle => {
                                f.debug_tuple("Partitioning::Shuffle").finish()
                            }
                            Partitioning::Broadcast => {
                                f.debug_tuple("Partitioning::Broadcast").finish()
                            }
                            Partitioning::Global => {
                                f.debug_tuple("Partitioning::Global").finish()
                            }
                            Partitioning::Custom => {
                                f.debug_tuple("Partitioning::Custom").finish()
                            }
                        }
                    }
                }
                impl Partitioning {
                    #[doc(hidden)]
                    pub unsafe fn _lift(val: u8) -> Partitioning {
                        if !cfg!(debug_assertions) {
                            return unsafe { ::core::mem::transmute(val) };
                        }
                        match val {
                            0 => Partitioning::Forward,
                            1 => Partitioning::Hash,
                            2 => Partitioning::Rebalance,
                            3 => Partitioning::Rescale,
                            4 => Partitioning::Shuffle,
                            5 => Partitioning::Broadcast,
                            6 => Partitioning::Global,
                            7 => Partitioning::Custom,
                            _ => panic!("invalid enum discriminant"),
                        }
                    }
                }
                /// A stream from one operator to another.
                #[derive(Clone, PartialEq)]
                pub struct Edge {
                    /// The operator that writes.
                    pub upstream: u32,
                    /// Which of its outputs: 0 is the main output, others are side outputs.
                    pub output: u32,
                    /// The operator that reads.
                    pub downstream: u32,
                    /// Which of its inputs, from 0.
                    pub input: u32,
                    /// How records are spread over the reader's subtasks.
                    pub partitioning: Partitioning,
                    /// How records are encoded: `postcard`, `json`, `text`, `fields` or `bytes`.
                    pub format: _rt::String,
                }
                impl ::core::fmt::Debug for Edge {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Edge")
                            .field("upstream", &self.upstream)
                            .field("output", &self.output)
                            .field("downstream", &self.downstream)
                            .field("input", &self.input)
                            .field("partitioning", &self.partitioning)
                            .field("format", &self.format)
                            .finish()
                    }
                }
                /// The logical graph: operators and the edges between them, before chaining and before parallel
                /// expansion.
                #[derive(Clone, PartialEq)]
                pub struct JobGraph {
                    /// The job's name as people see it.
                    pub name: _rt::String,
                    /// The operators; an operator's id is unique within the graph.
                    pub operators: _rt::Vec<OperatorSpec>,
                    /// The edges; an edge's id is its index in this list.
                    pub edges: _rt::Vec<Edge>,
                    /// The parallelism of operators that name none; absent: the submitter's choice.
                    pub parallelism: ::core::option::Option<u32>,
                }
                impl ::core::fmt::Debug for JobGraph {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("JobGraph")
                            .field("name", &self.name)
                            .field("operators", &self.operators)
                            .field("edges", &self.edges)
                            .field("parallelism", &self.parallelism)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_describe_cabi<T_: Guest>(
                    arg0: *mut u8,
                    arg1: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result4 = {
                            let base3 = arg0;
                            let len3 = arg1;
                            let mut result3 = _rt::Vec::with_capacity(len3);
                            for i in 0..len3 {
                                let base = base3
                                    .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                let e3 = {
                                    let l0 = *base.add(0).cast::<*mut u8>();
                                    let l1 = *base
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len2 = l1;
                                    let bytes2 = _rt::Vec::from_raw_parts(
                                        l0.cast(),
                                        len2,
                                        len2,
                                    );
                                    _rt::string_lift(bytes2)
                                };
                                result3.push(e3);
                            }
                            _rt::cabi_dealloc(
                                base3,
                                len3 * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            );
                            T_::describe(result3)
                        };
                        let ptr5 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result4 {
                            Ok(e) => {
                                *ptr5.add(0).cast::<u8>() = (0i32) as u8;
                                let JobGraph {
                                    name: name6,
                                    operators: operators6,
                                    edges: edges6,
                                    parallelism: parallelism6,
                                } = e;
                                let vec7 = (name6.into_bytes()).into_boxed_slice();
                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                let len7 = vec7.len();
                                ::core::mem::forget(vec7);
                                *ptr5
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len7;
                                *ptr5
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr7.cast_mut();
                                let vec29 = operators6;
                                let len29 = vec29.len();
                                let layout29 = _rt::alloc::Layout::from_size_align(
                                        vec29.len()
                                            * (24 + 20 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    )
                                    .unwrap();
                                let (result29, _cleanup29) = wit_bindgen::rt::Cleanup::new(
                                    layout29,
                                );
                                if let Some(cleanup) = _cleanup29 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec29.into_iter().enumerate() {
                                    let base = result29
                                        .add(i * (24 + 20 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let OperatorSpec {
                                            id: id8,
                                            name: name8,
                                            kind: kind8,
                                            chaining: chaining8,
                                            states: states8,
                                            uid: uid8,
                                            parallelism: parallelism8,
                                            max_parallelism: max_parallelism8,
                                            slot_sharing_group: slot_sharing_group8,
                                            co_location: co_location8,
                                            watermark_interval: watermark_interval8,
                                        } = e;
                                        *base.add(0).cast::<i32>() = _rt::as_i32(id8);
                                        let vec9 = (name8.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                        match kind8 {
                                            OperatorKind::SourceConnector(e) => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                                let Connector { name: name10, options: options10 } = e;
                                                let vec11 = (name10.into_bytes()).into_boxed_slice();
                                                let ptr11 = vec11.as_ptr().cast::<u8>();
                                                let len11 = vec11.len();
                                                ::core::mem::forget(vec11);
                                                *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len11;
                                                *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr11.cast_mut();
                                                let vec15 = options10;
                                                let len15 = vec15.len();
                                                let layout15 = _rt::alloc::Layout::from_size_align(
                                                        vec15.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                                        ::core::mem::size_of::<*const u8>(),
                                                    )
                                                    .unwrap();
                                                let (result15, _cleanup15) = wit_bindgen::rt::Cleanup::new(
                                                    layout15,
                                                );
                                                if let Some(cleanup) = _cleanup15 {
                                                    cleanup.forget();
                                                }
                                                for (i, e) in vec15.into_iter().enumerate() {
                                                    let base = result15
                                                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                                    {
                                                        let (t12_0, t12_1) = e;
                                                        let vec13 = (t12_0.into_bytes()).into_boxed_slice();
                                                        let ptr13 = vec13.as_ptr().cast::<u8>();
                                                        let len13 = vec13.len();
                                                        ::core::mem::forget(vec13);
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len13;
                                                        *base.add(0).cast::<*mut u8>() = ptr13.cast_mut();
                                                        let vec14 = (t12_1.into_bytes()).into_boxed_slice();
                                                        let ptr14 = vec14.as_ptr().cast::<u8>();
                                                        let len14 = vec14.len();
                                                        ::core::mem::forget(vec14);
                                                        *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len14;
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr14.cast_mut();
                                                    }
                                                }
                                                *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len15;
                                                *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = result15;
                                            }
                                            OperatorKind::SinkConnector(e) => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let Connector { name: name16, options: options16 } = e;
                                                let vec17 = (name16.into_bytes()).into_boxed_slice();
                                                let ptr17 = vec17.as_ptr().cast::<u8>();
                                                let len17 = vec17.len();
                                                ::core::mem::forget(vec17);
                                                *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len17;
                                                *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr17.cast_mut();
                                                let vec21 = options16;
                                                let len21 = vec21.len();
                                                let layout21 = _rt::alloc::Layout::from_size_align(
                                                        vec21.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                                        ::core::mem::size_of::<*const u8>(),
                                                    )
                                                    .unwrap();
                                                let (result21, _cleanup21) = wit_bindgen::rt::Cleanup::new(
                                                    layout21,
                                                );
                                                if let Some(cleanup) = _cleanup21 {
                                                    cleanup.forget();
                                                }
                                                for (i, e) in vec21.into_iter().enumerate() {
                                                    let base = result21
                                                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                                    {
                                                        let (t18_0, t18_1) = e;
                                                        let vec19 = (t18_0.into_bytes()).into_boxed_slice();
                                                        let ptr19 = vec19.as_ptr().cast::<u8>();
                                                        let len19 = vec19.len();
                                                        ::core::mem::forget(vec19);
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len19;
                                                        *base.add(0).cast::<*mut u8>() = ptr19.cast_mut();
                                                        let vec20 = (t18_1.into_bytes()).into_boxed_slice();
                                                        let ptr20 = vec20.as_ptr().cast::<u8>();
                                                        let len20 = vec20.len();
                                                        ::core::mem::forget(vec20);
                                                        *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len20;
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr20.cast_mut();
                                                    }
                                                }
                                                *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len21;
                                                *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = result21;
                                            }
                                            OperatorKind::Guest => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (2i32) as u8;
                                            }
                                            OperatorKind::GuestSource => {
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (3i32) as u8;
                                            }
                                        }
                                        *base
                                            .add(8 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (chaining8.clone() as i32) as u8;
                                        let vec25 = states8;
                                        let len25 = vec25.len();
                                        let layout25 = _rt::alloc::Layout::from_size_align(
                                                vec25.len()
                                                    * (24 + 6 * ::core::mem::size_of::<*const u8>()),
                                                8,
                                            )
                                            .unwrap();
                                        let (result25, _cleanup25) = wit_bindgen::rt::Cleanup::new(
                                            layout25,
                                        );
                                        if let Some(cleanup) = _cleanup25 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec25.into_iter().enumerate() {
                                            let base = result25
                                                .add(i * (24 + 6 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let StateSpec {
                                                    id: id22,
                                                    name: name22,
                                                    kind: kind22,
                                                    ttl: ttl22,
                                                    schema: schema22,
                                                } = e;
                                                *base.add(0).cast::<i32>() = _rt::as_i32(id22);
                                                let vec23 = (name22.into_bytes()).into_boxed_slice();
                                                let ptr23 = vec23.as_ptr().cast::<u8>();
                                                let len23 = vec23.len();
                                                ::core::mem::forget(vec23);
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len23;
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr23.cast_mut();
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (kind22.clone() as i32) as u8;
                                                match ttl22 {
                                                    Some(e) => {
                                                        *base
                                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        *base
                                                            .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i64>() = _rt::as_i64(e);
                                                    }
                                                    None => {
                                                        *base
                                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                                match schema22 {
                                                    Some(e) => {
                                                        *base
                                                            .add(16 + 4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (1i32) as u8;
                                                        let vec24 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr24 = vec24.as_ptr().cast::<u8>();
                                                        let len24 = vec24.len();
                                                        ::core::mem::forget(vec24);
                                                        *base
                                                            .add(16 + 6 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len24;
                                                        *base
                                                            .add(16 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr24.cast_mut();
                                                    }
                                                    None => {
                                                        *base
                                                            .add(16 + 4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>() = (0i32) as u8;
                                                    }
                                                };
                                            }
                                        }
                                        *base
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len25;
                                        *base
                                            .add(9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result25;
                                        match uid8 {
                                            Some(e) => {
                                                *base
                                                    .add(11 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec26 = (e.into_bytes()).into_boxed_slice();
                                                let ptr26 = vec26.as_ptr().cast::<u8>();
                                                let len26 = vec26.len();
                                                ::core::mem::forget(vec26);
                                                *base
                                                    .add(13 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len26;
                                                *base
                                                    .add(12 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr26.cast_mut();
                                            }
                                            None => {
                                                *base
                                                    .add(11 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match parallelism8 {
                                            Some(e) => {
                                                *base
                                                    .add(14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *base
                                                    .add(4 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *base
                                                    .add(14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match max_parallelism8 {
                                            Some(e) => {
                                                *base
                                                    .add(8 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *base
                                                    .add(12 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *base
                                                    .add(8 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match slot_sharing_group8 {
                                            Some(e) => {
                                                *base
                                                    .add(16 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec27 = (e.into_bytes()).into_boxed_slice();
                                                let ptr27 = vec27.as_ptr().cast::<u8>();
                                                let len27 = vec27.len();
                                                ::core::mem::forget(vec27);
                                                *base
                                                    .add(16 + 16 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len27;
                                                *base
                                                    .add(16 + 15 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr27.cast_mut();
                                            }
                                            None => {
                                                *base
                                                    .add(16 + 14 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match co_location8 {
                                            Some(e) => {
                                                *base
                                                    .add(16 + 17 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec28 = (e.into_bytes()).into_boxed_slice();
                                                let ptr28 = vec28.as_ptr().cast::<u8>();
                                                let len28 = vec28.len();
                                                ::core::mem::forget(vec28);
                                                *base
                                                    .add(16 + 19 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len28;
                                                *base
                                                    .add(16 + 18 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr28.cast_mut();
                                            }
                                            None => {
                                                *base
                                                    .add(16 + 17 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match watermark_interval8 {
                                            Some(e) => {
                                                *base
                                                    .add(16 + 20 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *base
                                                    .add(20 + 20 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *base
                                                    .add(16 + 20 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                    }
                                }
                                *ptr5
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len29;
                                *ptr5
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result29;
                                let vec32 = edges6;
                                let len32 = vec32.len();
                                let layout32 = _rt::alloc::Layout::from_size_align(
                                        vec32.len()
                                            * (16 + 3 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    )
                                    .unwrap();
                                let (result32, _cleanup32) = wit_bindgen::rt::Cleanup::new(
                                    layout32,
                                );
                                if let Some(cleanup) = _cleanup32 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec32.into_iter().enumerate() {
                                    let base = result32
                                        .add(i * (16 + 3 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let Edge {
                                            upstream: upstream30,
                                            output: output30,
                                            downstream: downstream30,
                                            input: input30,
                                            partitioning: partitioning30,
                                            format: format30,
                                        } = e;
                                        *base.add(0).cast::<i32>() = _rt::as_i32(upstream30);
                                        *base.add(4).cast::<i32>() = _rt::as_i32(output30);
                                        *base.add(8).cast::<i32>() = _rt::as_i32(downstream30);
                                        *base.add(12).cast::<i32>() = _rt::as_i32(input30);
                                        *base.add(16).cast::<u8>() = (partitioning30.clone() as i32)
                                            as u8;
                                        let vec31 = (format30.into_bytes()).into_boxed_slice();
                                        let ptr31 = vec31.as_ptr().cast::<u8>();
                                        let len31 = vec31.len();
                                        ::core::mem::forget(vec31);
                                        *base
                                            .add(16 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len31;
                                        *base
                                            .add(16 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr31.cast_mut();
                                    }
                                }
                                *ptr5
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len32;
                                *ptr5
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result32;
                                match parallelism6 {
                                    Some(e) => {
                                        *ptr5
                                            .add(7 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        *ptr5
                                            .add(4 + 7 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(e);
                                    }
                                    None => {
                                        *ptr5
                                            .add(7 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                };
                            }
                            Err(e) => {
                                *ptr5.add(0).cast::<u8>() = (1i32) as u8;
                                let vec33 = (e.into_bytes()).into_boxed_slice();
                                let ptr33 = vec33.as_ptr().cast::<u8>();
                                let len33 = vec33.len();
                                ::core::mem::forget(vec33);
                                *ptr5
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len33;
                                *ptr5
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr33.cast_mut();
                            }
                        };
                        ptr5
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_describe<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l1, l2, 1);
                                let l3 = *arg0
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l4 = *arg0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base43 = l3;
                                let len43 = l4;
                                for i in 0..len43 {
                                    let base = base43
                                        .add(i * (24 + 20 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l5 = *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l6 = *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l5, l6, 1);
                                        let l7 = i32::from(
                                            *base
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l7 {
                                            0 => {
                                                let l8 = *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l9 = *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l8, l9, 1);
                                                let l10 = *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l11 = *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let base16 = l10;
                                                let len16 = l11;
                                                for i in 0..len16 {
                                                    let base = base16
                                                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                                    {
                                                        let l12 = *base.add(0).cast::<*mut u8>();
                                                        let l13 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l12, l13, 1);
                                                        let l14 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l15 = *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l14, l15, 1);
                                                    }
                                                }
                                                _rt::cabi_dealloc(
                                                    base16,
                                                    len16 * (4 * ::core::mem::size_of::<*const u8>()),
                                                    ::core::mem::size_of::<*const u8>(),
                                                );
                                            }
                                            1 => {
                                                let l17 = *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l18 = *base
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l17, l18, 1);
                                                let l19 = *base
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l20 = *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let base25 = l19;
                                                let len25 = l20;
                                                for i in 0..len25 {
                                                    let base = base25
                                                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                                    {
                                                        let l21 = *base.add(0).cast::<*mut u8>();
                                                        let l22 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l21, l22, 1);
                                                        let l23 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l24 = *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l23, l24, 1);
                                                    }
                                                }
                                                _rt::cabi_dealloc(
                                                    base25,
                                                    len25 * (4 * ::core::mem::size_of::<*const u8>()),
                                                    ::core::mem::size_of::<*const u8>(),
                                                );
                                            }
                                            2 => {}
                                            _ => {}
                                        }
                                        let l26 = *base
                                            .add(9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l27 = *base
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base33 = l26;
                                        let len33 = l27;
                                        for i in 0..len33 {
                                            let base = base33
                                                .add(i * (24 + 6 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l28 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l29 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l28, l29, 1);
                                                let l30 = i32::from(
                                                    *base
                                                        .add(16 + 4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<u8>(),
                                                );
                                                match l30 {
                                                    0 => {}
                                                    _ => {
                                                        let l31 = *base
                                                            .add(16 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l32 = *base
                                                            .add(16 + 6 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l31, l32, 1);
                                                    }
                                                }
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base33,
                                            len33 * (24 + 6 * ::core::mem::size_of::<*const u8>()),
                                            8,
                                        );
                                        let l34 = i32::from(
                                            *base
                                                .add(11 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l34 {
                                            0 => {}
                                            _ => {
                                                let l35 = *base
                                                    .add(12 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l36 = *base
                                                    .add(13 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l35, l36, 1);
                                            }
                                        }
                                        let l37 = i32::from(
                                            *base
                                                .add(16 + 14 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l37 {
                                            0 => {}
                                            _ => {
                                                let l38 = *base
                                                    .add(16 + 15 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l39 = *base
                                                    .add(16 + 16 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l38, l39, 1);
                                            }
                                        }
                                        let l40 = i32::from(
                                            *base
                                                .add(16 + 17 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l40 {
                                            0 => {}
                                            _ => {
                                                let l41 = *base
                                                    .add(16 + 18 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l42 = *base
                                                    .add(16 + 19 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l41, l42, 1);
                                            }
                                        }
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base43,
                                    len43 * (24 + 20 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                                let l44 = *arg0
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l45 = *arg0
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base48 = l44;
                                let len48 = l45;
                                for i in 0..len48 {
                                    let base = base48
                                        .add(i * (16 + 3 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l46 = *base
                                            .add(16 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l47 = *base
                                            .add(16 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l46, l47, 1);
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base48,
                                    len48 * (16 + 3 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                            }
                            _ => {
                                let l49 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l50 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l49, l50, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Runs the program's main function and reports the graph it builds; processes no data.
                    ///
                    /// The host MAY call this on a fresh instance at any time, and MUST get the same graph for the
                    /// same arguments. The error is a text for the person who submits the job.
                    #[allow(async_fn_in_trait)]
                    fn describe(
                        args: _rt::Vec<_rt::String>,
                    ) -> ::core::result::Result<JobGraph, _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmill_dataflow_job_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmill:dataflow/job@0.1.0#describe")] unsafe extern "C" fn
                        export_describe(arg0 : * mut u8, arg1 : usize,) -> * mut u8 {
                        unsafe { $($path_to_types)*:: _export_describe_cabi::<$ty >
                        (arg0, arg1) } } #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/job@0.1.0#describe")] unsafe extern
                        "C" fn _post_return_describe(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_describe::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmill_dataflow_job_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 8 + 7 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 8
                        + 7 * ::core::mem::size_of::<*const u8>()],
                );
            }
            /// The operators of one chain. Exported.
            ///
            /// One instance of the component is one subtask of one vertex of the job. The host MUST call `open`
            /// first, once, and never two functions at a time; after a failure or a trap it drops the instance.
            /// Operators of a chain call each other inside the bundle; only what leaves the chain goes through
            /// `output`.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod operator {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Batch = super::super::super::super::wasmill::dataflow::types::Batch;
                pub type Blobs = super::super::super::super::wasmill::dataflow::types::Blobs;
                pub type Failure = super::super::super::super::wasmill::dataflow::types::Failure;
                pub type TimeDomain = super::super::super::super::wasmill::dataflow::types::TimeDomain;
                /// An edge that leaves the chain.
                #[repr(C)]
                #[derive(Clone, Copy, PartialEq)]
                pub struct OutputEdge {
                    /// The edge's index in the job graph.
                    pub edge: u32,
                    /// The number of subtasks that read it: the bound of a `custom` partitioner.
                    pub channels: u32,
                }
                impl ::core::fmt::Debug for OutputEdge {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("OutputEdge")
                            .field("edge", &self.edge)
                            .field("channels", &self.channels)
                            .finish()
                    }
                }
                /// What to do with records that cannot be decoded.
                #[repr(u8)]
                #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
                pub enum BadRecordPolicy {
                    /// Return `failure.bad-record`.
                    Fail,
                    /// Go on without the record and add 1 to the counter `numBadRecords`.
                    Skip,
                }
                impl ::core::fmt::Debug for BadRecordPolicy {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            BadRecordPolicy::Fail => {
                                f.debug_tuple("BadRecordPolicy::Fail").finish()
                            }
                            BadRecordPolicy::Skip => {
                                f.debug_tuple("BadRecordPolicy::Skip").finish()
                            }
                        }
                    }
                }
                impl BadRecordPolicy {
                    #[doc(hidden)]
                    pub unsafe fn _lift(val: u8) -> BadRecordPolicy {
                        if !cfg!(debug_assertions) {
                            return unsafe { ::core::mem::transmute(val) };
                        }
                        match val {
                            0 => BadRecordPolicy::Fail,
                            1 => BadRecordPolicy::Skip,
                            _ => panic!("invalid enum discriminant"),
                        }
                    }
                }
                /// The non-keyed state of one operator of one subtask.
                #[derive(Clone, PartialEq)]
                pub struct OperatorState {
                    /// The operator.
                    pub operator: u32,
                    /// The state's id within the operator.
                    pub state: u32,
                    /// The state's elements, in order. For `broadcast` states keys and values take turns.
                    pub items: Blobs,
                }
                impl ::core::fmt::Debug for OperatorState {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("OperatorState")
                            .field("operator", &self.operator)
                            .field("state", &self.state)
                            .field("items", &self.items)
                            .finish()
                    }
                }
                /// Which part of the job this instance is, and what it may use.
                #[derive(Clone, PartialEq)]
                pub struct TaskContext {
                    /// The job's name.
                    pub job: _rt::String,
                    /// The program's arguments, as given to `job.describe`.
                    pub args: _rt::Vec<_rt::String>,
                    /// The operators of the chain that the bundle runs, upstream before downstream.
                    pub operators: _rt::Vec<u32>,
                    /// The edge behind each input: input `i` of `process` is edge `inputs[i]`.
                    pub inputs: _rt::Vec<u32>,
                    /// The edge behind each output: output `i` of `emit` is edge `outputs[i].edge`. An edge between
                    /// two operators of the chain is in neither list.
                    pub outputs: _rt::Vec<OutputEdge>,
                    /// The index of this subtask, from 0.
                    pub subtask: u32,
                    /// The number of subtasks.
                    pub parallelism: u32,
                    /// The number of key groups.
                    pub max_parallelism: u32,
                    /// How often the subtask was started before.
                    pub attempt: u32,
                    /// The operator state of the snapshot that the job is restored from.
                    pub restored: _rt::Vec<OperatorState>,
                    /// Whether the keyed state may hold anything at the start. False lets a bundle skip look-ups.
                    pub has_keyed_state: bool,
                    /// How many bytes of keyed state the bundle may keep in its own memory.
                    pub cache_bytes: u64,
                    /// The size at which an output batch should be emitted, in bytes. Larger batches are taken up to
                    /// the host's limit.
                    pub batch_bytes: u32,
                    /// The size above which a single record ends the task, in bytes.
                    pub max_record_bytes: u32,
                    /// What to do with records that cannot be decoded.
                    pub on_bad_record: BadRecordPolicy,
                }
                impl ::core::fmt::Debug for TaskContext {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("TaskContext")
                            .field("job", &self.job)
                            .field("args", &self.args)
                            .field("operators", &self.operators)
                            .field("inputs", &self.inputs)
                            .field("outputs", &self.outputs)
                            .field("subtask", &self.subtask)
                            .field("parallelism", &self.parallelism)
                            .field("max-parallelism", &self.max_parallelism)
                            .field("attempt", &self.attempt)
                            .field("restored", &self.restored)
                            .field("has-keyed-state", &self.has_keyed_state)
                            .field("cache-bytes", &self.cache_bytes)
                            .field("batch-bytes", &self.batch_bytes)
                            .field("max-record-bytes", &self.max_record_bytes)
                            .field("on-bad-record", &self.on_bad_record)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_open_cabi<T_: Guest>(arg0: *mut u8) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result38 = {
                            let l0 = *arg0.add(0).cast::<*mut u8>();
                            let l1 = *arg0
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len2 = l1;
                            let bytes2 = _rt::Vec::from_raw_parts(l0.cast(), len2, len2);
                            let l3 = *arg0
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l4 = *arg0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let base8 = l3;
                            let len8 = l4;
                            let mut result8 = _rt::Vec::with_capacity(len8);
                            for i in 0..len8 {
                                let base = base8
                                    .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                let e8 = {
                                    let l5 = *base.add(0).cast::<*mut u8>();
                                    let l6 = *base
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len7 = l6;
                                    let bytes7 = _rt::Vec::from_raw_parts(
                                        l5.cast(),
                                        len7,
                                        len7,
                                    );
                                    _rt::string_lift(bytes7)
                                };
                                result8.push(e8);
                            }
                            _rt::cabi_dealloc(
                                base8,
                                len8 * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            );
                            let l9 = *arg0
                                .add(4 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l10 = *arg0
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len11 = l10;
                            let l12 = *arg0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l13 = *arg0
                                .add(7 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len14 = l13;
                            let l15 = *arg0
                                .add(8 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l16 = *arg0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len17 = l16;
                            let l18 = *arg0
                                .add(10 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l19 = *arg0
                                .add(4 + 10 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l20 = *arg0
                                .add(8 + 10 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l21 = *arg0
                                .add(12 + 10 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l22 = *arg0
                                .add(16 + 10 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l23 = *arg0
                                .add(16 + 11 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let base32 = l22;
                            let len32 = l23;
                            let mut result32 = _rt::Vec::with_capacity(len32);
                            for i in 0..len32 {
                                let base = base32
                                    .add(i * (8 + 4 * ::core::mem::size_of::<*const u8>()));
                                let e32 = {
                                    let l24 = *base.add(0).cast::<i32>();
                                    let l25 = *base.add(4).cast::<i32>();
                                    let l26 = *base.add(8).cast::<*mut u8>();
                                    let l27 = *base
                                        .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len28 = l27;
                                    let l29 = *base
                                        .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l30 = *base
                                        .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len31 = l30;
                                    OperatorState {
                                        operator: l24 as u32,
                                        state: l25 as u32,
                                        items: super::super::super::super::wasmill::dataflow::types::Blobs {
                                            ends: <_ as From<
                                                _rt::Vec<_>,
                                            >>::from(
                                                _rt::Vec::from_raw_parts(l26.cast(), len28, len28),
                                            ),
                                            data: <_ as From<
                                                _rt::Vec<_>,
                                            >>::from(_rt::Vec::from_raw_parts(l29.cast(), len31, len31)),
                                        },
                                    }
                                };
                                result32.push(e32);
                            }
                            _rt::cabi_dealloc(
                                base32,
                                len32 * (8 + 4 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            );
                            let l33 = i32::from(
                                *arg0
                                    .add(16 + 12 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l34 = *arg0
                                .add(24 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<i64>();
                            let l35 = *arg0
                                .add(32 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l36 = *arg0
                                .add(36 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>();
                            let l37 = i32::from(
                                *arg0
                                    .add(40 + 12 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            T_::open(TaskContext {
                                job: _rt::string_lift(bytes2),
                                args: result8,
                                operators: <_ as From<
                                    _rt::Vec<_>,
                                >>::from(_rt::Vec::from_raw_parts(l9.cast(), len11, len11)),
                                inputs: <_ as From<
                                    _rt::Vec<_>,
                                >>::from(
                                    _rt::Vec::from_raw_parts(l12.cast(), len14, len14),
                                ),
                                outputs: <_ as From<
                                    _rt::Vec<_>,
                                >>::from(
                                    _rt::Vec::from_raw_parts(l15.cast(), len17, len17),
                                ),
                                subtask: l18 as u32,
                                parallelism: l19 as u32,
                                max_parallelism: l20 as u32,
                                attempt: l21 as u32,
                                restored: result32,
                                has_keyed_state: _rt::bool_lift(l33 as u8),
                                cache_bytes: l34 as u64,
                                batch_bytes: l35 as u32,
                                max_record_bytes: l36 as u32,
                                on_bad_record: BadRecordPolicy::_lift(l37 as u8),
                            })
                        };
                        _rt::cabi_dealloc(
                            arg0,
                            48 + 12 * ::core::mem::size_of::<*const u8>(),
                            8,
                        );
                        let ptr39 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result38 {
                            Ok(_) => {
                                *ptr39.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr39.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V44;
                                match e {
                                    V44::User(e) => {
                                        *ptr39
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec40 = (e.into_bytes()).into_boxed_slice();
                                        let ptr40 = vec40.as_ptr().cast::<u8>();
                                        let len40 = vec40.len();
                                        ::core::mem::forget(vec40);
                                        *ptr39
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len40;
                                        *ptr39
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr40.cast_mut();
                                    }
                                    V44::BadRecord(e) => {
                                        *ptr39
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index41,
                                            message: message41,
                                        } = e;
                                        *ptr39
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index41);
                                        let vec42 = (message41.into_bytes()).into_boxed_slice();
                                        let ptr42 = vec42.as_ptr().cast::<u8>();
                                        let len42 = vec42.len();
                                        ::core::mem::forget(vec42);
                                        *ptr39
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len42;
                                        *ptr39
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr42.cast_mut();
                                    }
                                    V44::Other(e) => {
                                        *ptr39
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec43 = (e.into_bytes()).into_boxed_slice();
                                        let ptr43 = vec43.as_ptr().cast::<u8>();
                                        let len43 = vec43.len();
                                        ::core::mem::forget(vec43);
                                        *ptr39
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len43;
                                        *ptr39
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr43.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr39
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_open<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_process_cabi<T_: Guest>(
                    arg0: i32,
                    arg1: *mut u8,
                    arg2: usize,
                    arg3: *mut u8,
                    arg4: usize,
                    arg5: *mut u8,
                    arg6: usize,
                    arg7: *mut u8,
                    arg8: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result4 = {
                            let len0 = arg2;
                            let len1 = arg4;
                            let len2 = arg6;
                            let len3 = arg8;
                            T_::process(
                                arg0 as u32,
                                super::super::super::super::wasmill::dataflow::types::Batch {
                                    timestamps: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg1.cast(), len0, len0)),
                                    hashes: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg3.cast(), len1, len1)),
                                    ends: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg5.cast(), len2, len2)),
                                    data: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg7.cast(), len3, len3)),
                                },
                            )
                        };
                        let ptr5 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result4 {
                            Ok(_) => {
                                *ptr5.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr5.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V10;
                                match e {
                                    V10::User(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec6 = (e.into_bytes()).into_boxed_slice();
                                        let ptr6 = vec6.as_ptr().cast::<u8>();
                                        let len6 = vec6.len();
                                        ::core::mem::forget(vec6);
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len6;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr6.cast_mut();
                                    }
                                    V10::BadRecord(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index7,
                                            message: message7,
                                        } = e;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index7);
                                        let vec8 = (message7.into_bytes()).into_boxed_slice();
                                        let ptr8 = vec8.as_ptr().cast::<u8>();
                                        let len8 = vec8.len();
                                        ::core::mem::forget(vec8);
                                        *ptr5
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len8;
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr8.cast_mut();
                                    }
                                    V10::Other(e) => {
                                        *ptr5
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec9 = (e.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *ptr5
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *ptr5
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr5
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_process<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_on_timers_cabi<T_: Guest>(
                    arg0: i32,
                    arg1: *mut u8,
                    arg2: usize,
                    arg3: *mut u8,
                    arg4: usize,
                    arg5: *mut u8,
                    arg6: usize,
                    arg7: *mut u8,
                    arg8: usize,
                    arg9: *mut u8,
                    arg10: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result5 = {
                            let len0 = arg2;
                            let len1 = arg4;
                            let len2 = arg6;
                            let len3 = arg8;
                            let len4 = arg10;
                            T_::on_timers(
                                super::super::super::super::wasmill::dataflow::types::TimeDomain::_lift(
                                    arg0 as u8,
                                ),
                                <_ as From<
                                    _rt::Vec<_>,
                                >>::from(_rt::Vec::from_raw_parts(arg1.cast(), len0, len0)),
                                super::super::super::super::wasmill::dataflow::types::Blobs {
                                    ends: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg3.cast(), len1, len1)),
                                    data: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg5.cast(), len2, len2)),
                                },
                                super::super::super::super::wasmill::dataflow::types::Blobs {
                                    ends: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg7.cast(), len3, len3)),
                                    data: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(arg9.cast(), len4, len4)),
                                },
                            )
                        };
                        let ptr6 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result5 {
                            Ok(_) => {
                                *ptr6.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr6.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V11;
                                match e {
                                    V11::User(e) => {
                                        *ptr6
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec7 = (e.into_bytes()).into_boxed_slice();
                                        let ptr7 = vec7.as_ptr().cast::<u8>();
                                        let len7 = vec7.len();
                                        ::core::mem::forget(vec7);
                                        *ptr6
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len7;
                                        *ptr6
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr7.cast_mut();
                                    }
                                    V11::BadRecord(e) => {
                                        *ptr6
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index8,
                                            message: message8,
                                        } = e;
                                        *ptr6
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index8);
                                        let vec9 = (message8.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *ptr6
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *ptr6
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                    }
                                    V11::Other(e) => {
                                        *ptr6
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec10 = (e.into_bytes()).into_boxed_slice();
                                        let ptr10 = vec10.as_ptr().cast::<u8>();
                                        let len10 = vec10.len();
                                        ::core::mem::forget(vec10);
                                        *ptr6
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len10;
                                        *ptr6
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr10.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr6
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_on_timers<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_on_watermark_cabi<T_: Guest>(
                    arg0: i64,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::on_watermark(arg0) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(_) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V6;
                                match e {
                                    V6::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec2 = (e.into_bytes()).into_boxed_slice();
                                        let ptr2 = vec2.as_ptr().cast::<u8>();
                                        let len2 = vec2.len();
                                        ::core::mem::forget(vec2);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len2;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr2.cast_mut();
                                    }
                                    V6::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index3,
                                            message: message3,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index3);
                                        let vec4 = (message3.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V6::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_on_watermark<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_snapshot_cabi<T_: Guest>(arg0: i64) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::snapshot(arg0 as u64) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                let vec6 = e;
                                let len6 = vec6.len();
                                let layout6 = _rt::alloc::Layout::from_size_align(
                                        vec6.len() * (8 + 4 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    )
                                    .unwrap();
                                let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(
                                    layout6,
                                );
                                if let Some(cleanup) = _cleanup6 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec6.into_iter().enumerate() {
                                    let base = result6
                                        .add(i * (8 + 4 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let OperatorState {
                                            operator: operator2,
                                            state: state2,
                                            items: items2,
                                        } = e;
                                        *base.add(0).cast::<i32>() = _rt::as_i32(operator2);
                                        *base.add(4).cast::<i32>() = _rt::as_i32(state2);
                                        let super::super::super::super::wasmill::dataflow::types::Blobs {
                                            ends: ends3,
                                            data: data3,
                                        } = items2;
                                        let vec4 = <_ as Into<_rt::Vec<_>>>::into(ends3)
                                            .into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *base
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *base.add(8).cast::<*mut u8>() = ptr4.cast_mut();
                                        let vec5 = <_ as Into<_rt::Vec<_>>>::into(data3)
                                            .into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *base
                                            .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *base
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len6;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result6;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V11;
                                match e {
                                    V11::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec7 = (e.into_bytes()).into_boxed_slice();
                                        let ptr7 = vec7.as_ptr().cast::<u8>();
                                        let len7 = vec7.len();
                                        ::core::mem::forget(vec7);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len7;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr7.cast_mut();
                                    }
                                    V11::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index8,
                                            message: message8,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index8);
                                        let vec9 = (message8.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                    }
                                    V11::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec10 = (e.into_bytes()).into_boxed_slice();
                                        let ptr10 = vec10.as_ptr().cast::<u8>();
                                        let len10 = vec10.len();
                                        ::core::mem::forget(vec10);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len10;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr10.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_snapshot<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base9 = l1;
                                let len9 = l2;
                                for i in 0..len9 {
                                    let base = base9
                                        .add(i * (8 + 4 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l3 = *base.add(8).cast::<*mut u8>();
                                        let l4 = *base
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base5 = l3;
                                        let len5 = l4;
                                        _rt::cabi_dealloc(base5, len5 * 4, 4);
                                        let l6 = *base
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *base
                                            .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base8 = l6;
                                        let len8 = l7;
                                        _rt::cabi_dealloc(base8, len8 * 1, 1);
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base9,
                                    len9 * (8 + 4 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                            }
                            _ => {
                                let l10 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l10 {
                                    0 => {
                                        let l11 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l12 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l11, l12, 1);
                                    }
                                    1 => {
                                        let l13 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l14 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l13, l14, 1);
                                    }
                                    _ => {
                                        let l15 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l16 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l15, l16, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_checkpoint_complete_cabi<T_: Guest>(
                    arg0: i64,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::checkpoint_complete(arg0 as u64) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(_) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V6;
                                match e {
                                    V6::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec2 = (e.into_bytes()).into_boxed_slice();
                                        let ptr2 = vec2.as_ptr().cast::<u8>();
                                        let len2 = vec2.len();
                                        ::core::mem::forget(vec2);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len2;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr2.cast_mut();
                                    }
                                    V6::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index3,
                                            message: message3,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index3);
                                        let vec4 = (message3.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V6::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_checkpoint_complete<T_: Guest>(
                    arg0: *mut u8,
                ) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_checkpoint_aborted_cabi<T_: Guest>(
                    arg0: i64,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::checkpoint_aborted(arg0 as u64) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(_) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V6;
                                match e {
                                    V6::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec2 = (e.into_bytes()).into_boxed_slice();
                                        let ptr2 = vec2.as_ptr().cast::<u8>();
                                        let len2 = vec2.len();
                                        ::core::mem::forget(vec2);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len2;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr2.cast_mut();
                                    }
                                    V6::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index3,
                                            message: message3,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index3);
                                        let vec4 = (message3.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V6::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_checkpoint_aborted<T_: Guest>(
                    arg0: *mut u8,
                ) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_end_of_input_cabi<T_: Guest>(
                    arg0: i32,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::end_of_input(arg0 as u32) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(_) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::wasmill::dataflow::types::Failure as V6;
                                match e {
                                    V6::User(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec2 = (e.into_bytes()).into_boxed_slice();
                                        let ptr2 = vec2.as_ptr().cast::<u8>();
                                        let len2 = vec2.len();
                                        ::core::mem::forget(vec2);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len2;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr2.cast_mut();
                                    }
                                    V6::BadRecord(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let super::super::super::super::wasmill::dataflow::types::BadRecord {
                                            index: index3,
                                            message: message3,
                                        } = e;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(index3);
                                        let vec4 = (message3.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *ptr1
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                    }
                                    V6::Other(e) => {
                                        *ptr1
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec5 = (e.into_bytes()).into_boxed_slice();
                                        let ptr5 = vec5.as_ptr().cast::<u8>();
                                        let len5 = vec5.len();
                                        ::core::mem::forget(vec5);
                                        *ptr1
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr1
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr5.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_end_of_input<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l2, l3, 1);
                                    }
                                    1 => {
                                        let l4 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l4, l5, 1);
                                    }
                                    _ => {
                                        let l6 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l7 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l6, l7, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_close_cabi<T_: Guest>() {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        { T_::close() };
                    }
                }
                pub trait Guest {
                    /// Builds the operators of the chain. They MUST be the same, for the same arguments, as those
                    /// that `job.describe` reported.
                    #[allow(async_fn_in_trait)]
                    fn open(context: TaskContext) -> ::core::result::Result<(), Failure>;
                    /// Processes the records of one input, in order. All output of the call MUST have been emitted
                    /// when it returns.
                    #[allow(async_fn_in_trait)]
                    fn process(
                        input: u32,
                        records: Batch,
                    ) -> ::core::result::Result<(), Failure>;
                    /// Fires timers: element `i` of each list is one timer, in ascending order of time. Without timers, in
                    /// the domain `processing`, it is a probe (`job.operator-spec.watermark-interval`).
                    #[allow(async_fn_in_trait)]
                    fn on_timers(
                        domain: TimeDomain,
                        times: _rt::Vec<i64>,
                        keys: Blobs,
                        namespaces: Blobs,
                    ) -> ::core::result::Result<(), Failure>;
                    /// Says that no record with a timestamp at or below `time` follows on any input. The host calls it
                    /// before the timers that the watermark fires, and after these it forwards the watermark.
                    #[allow(async_fn_in_trait)]
                    fn on_watermark(time: i64) -> ::core::result::Result<(), Failure>;
                    /// Writes all cached keyed state to the host, then returns the operator state. What was emitted
                    /// before belongs to the checkpoint, what is emitted later does not.
                    #[allow(async_fn_in_trait)]
                    fn snapshot(
                        checkpoint: u64,
                    ) -> ::core::result::Result<_rt::Vec<OperatorState>, Failure>;
                    /// Says that a checkpoint is complete. Calls may be missing; a later one covers them.
                    #[allow(async_fn_in_trait)]
                    fn checkpoint_complete(
                        checkpoint: u64,
                    ) -> ::core::result::Result<(), Failure>;
                    /// Says that a checkpoint was given up.
                    #[allow(async_fn_in_trait)]
                    fn checkpoint_aborted(
                        checkpoint: u64,
                    ) -> ::core::result::Result<(), Failure>;
                    /// Says that an input has ended: nothing follows on it. Called once per input, and once with
                    /// input 0 for a chain that starts with a source of its own, when the source is at its end.
                    #[allow(async_fn_in_trait)]
                    fn end_of_input(input: u32) -> ::core::result::Result<(), Failure>;
                    /// Ends the subtask in good order; nothing is called afterwards. Not called after a failure.
                    #[allow(async_fn_in_trait)]
                    fn close() -> ();
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmill_dataflow_operator_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#open")] unsafe extern "C" fn
                        export_open(arg0 : * mut u8,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_open_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#open")] unsafe extern
                        "C" fn _post_return_open(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_open::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#process")] unsafe extern "C" fn
                        export_process(arg0 : i32, arg1 : * mut u8, arg2 : usize, arg3 :
                        * mut u8, arg4 : usize, arg5 : * mut u8, arg6 : usize, arg7 : *
                        mut u8, arg8 : usize,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_process_cabi::<$ty > (arg0, arg1,
                        arg2, arg3, arg4, arg5, arg6, arg7, arg8) } } #[unsafe
                        (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#process")] unsafe
                        extern "C" fn _post_return_process(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_process::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#on-timers")] unsafe extern "C"
                        fn export_on_timers(arg0 : i32, arg1 : * mut u8, arg2 : usize,
                        arg3 : * mut u8, arg4 : usize, arg5 : * mut u8, arg6 : usize,
                        arg7 : * mut u8, arg8 : usize, arg9 : * mut u8, arg10 : usize,)
                        -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_on_timers_cabi::<$ty > (arg0, arg1, arg2, arg3, arg4,
                        arg5, arg6, arg7, arg8, arg9, arg10) } } #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#on-timers")] unsafe
                        extern "C" fn _post_return_on_timers(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_on_timers::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#on-watermark")] unsafe extern
                        "C" fn export_on_watermark(arg0 : i64,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_on_watermark_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#on-watermark")] unsafe
                        extern "C" fn _post_return_on_watermark(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_on_watermark::<$ty >
                        (arg0) } } #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#snapshot")] unsafe extern "C" fn
                        export_snapshot(arg0 : i64,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_snapshot_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#snapshot")] unsafe
                        extern "C" fn _post_return_snapshot(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_snapshot::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#checkpoint-complete")] unsafe
                        extern "C" fn export_checkpoint_complete(arg0 : i64,) -> * mut u8
                        { unsafe { $($path_to_types)*::
                        _export_checkpoint_complete_cabi::<$ty > (arg0) } } #[unsafe
                        (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#checkpoint-complete")]
                        unsafe extern "C" fn _post_return_checkpoint_complete(arg0 : *
                        mut u8,) { unsafe { $($path_to_types)*::
                        __post_return_checkpoint_complete::<$ty > (arg0) } } #[unsafe
                        (export_name =
                        "wasmill:dataflow/operator@0.1.0#checkpoint-aborted")] unsafe
                        extern "C" fn export_checkpoint_aborted(arg0 : i64,) -> * mut u8
                        { unsafe { $($path_to_types)*::
                        _export_checkpoint_aborted_cabi::<$ty > (arg0) } } #[unsafe
                        (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#checkpoint-aborted")]
                        unsafe extern "C" fn _post_return_checkpoint_aborted(arg0 : * mut
                        u8,) { unsafe { $($path_to_types)*::
                        __post_return_checkpoint_aborted::<$ty > (arg0) } } #[unsafe
                        (export_name = "wasmill:dataflow/operator@0.1.0#end-of-input")]
                        unsafe extern "C" fn export_end_of_input(arg0 : i32,) -> * mut u8
                        { unsafe { $($path_to_types)*:: _export_end_of_input_cabi::<$ty >
                        (arg0) } } #[unsafe (export_name =
                        "cabi_post_wasmill:dataflow/operator@0.1.0#end-of-input")] unsafe
                        extern "C" fn _post_return_end_of_input(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_end_of_input::<$ty >
                        (arg0) } } #[unsafe (export_name =
                        "wasmill:dataflow/operator@0.1.0#close")] unsafe extern "C" fn
                        export_close() { unsafe { $($path_to_types)*::
                        _export_close_cabi::<$ty > () } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmill_dataflow_operator_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 5 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 5
                        * ::core::mem::size_of::<*const u8>()],
                );
            }
        }
    }
}
#[rustfmt::skip]
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::vec::Vec;
    pub use alloc_crate::string::String;
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub fn as_i64<T: AsI64>(t: T) -> i64 {
        t.as_i64()
    }
    pub trait AsI64 {
        fn as_i64(self) -> i64;
    }
    impl<'a, T: Copy + AsI64> AsI64 for &'a T {
        fn as_i64(self) -> i64 {
            (*self).as_i64()
        }
    }
    impl AsI64 for i64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    impl AsI64 for u64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    pub unsafe fn bool_lift(val: u8) -> bool {
        if cfg!(debug_assertions) {
            match val {
                0 => false,
                1 => true,
                _ => panic!("invalid bool discriminant"),
            }
        } else {
            val != 0
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    pub use alloc_crate::alloc;
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
    }
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    extern crate alloc as alloc_crate;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_bundle_with_sources_impl {
    ($ty:ident) => {
        self::export!($ty with_types_in self);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmill::dataflow::source::__export_wasmill_dataflow_source_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmill::dataflow::source);
        $($path_to_types_root)*::
        exports::wasmill::dataflow::job::__export_wasmill_dataflow_job_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmill::dataflow::job);
        $($path_to_types_root)*::
        exports::wasmill::dataflow::operator::__export_wasmill_dataflow_operator_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmill::dataflow::operator);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.63.0:wasmill:dataflow@0.1.0:bundle-with-sources:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 3072] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xf6\x16\x01A\x02\x01\
A\x15\x01B\x10\x01px\x01py\x01p}\x01r\x04\x0atimestamps\0\x06hashes\x01\x04ends\x01\
\x04data\x02\x04\0\x05batch\x03\0\x03\x01r\x02\x04ends\x01\x04data\x02\x04\0\x05\
blobs\x03\0\x05\x01p\x7f\x01r\x02\x07present\x07\x06values\x06\x04\0\x0eoptional\
-blobs\x03\0\x08\x01r\x02\x05indexy\x07messages\x04\0\x0abad-record\x03\0\x0a\x01\
q\x03\x04user\x01s\0\x0abad-record\x01\x0b\0\x05other\x01s\0\x04\0\x07failure\x03\
\0\x0c\x01m\x02\x05event\x0aprocessing\x04\0\x0btime-domain\x03\0\x0e\x03\0\x1cw\
asmill:dataflow/types@0.1.0\x05\0\x02\x03\0\0\x05batch\x01B\x08\x02\x03\x02\x01\x01\
\x04\0\x05batch\x03\0\0\x01@\x02\x06outputy\x07records\x01\x01\0\x04\0\x04emit\x01\
\x02\x01@\x01\x04timex\x01\0\x04\0\x0eemit-watermark\x01\x03\x01@\0\x01\0\x04\0\x09\
mark-idle\x01\x04\x03\0\x1dwasmill:dataflow/output@0.1.0\x05\x02\x02\x03\0\0\x05\
blobs\x02\x03\0\0\x0eoptional-blobs\x01B\x13\x02\x03\x02\x01\x03\x04\0\x05blobs\x03\
\0\0\x02\x03\x02\x01\x04\x04\0\x0eoptional-blobs\x03\0\x02\x01m\x03\x03put\x06de\
lete\x05clear\x04\0\x0bchange-kind\x03\0\x04\x01p\x05\x01r\x04\x05kinds\x06\x04k\
eys\x01\x08sub-keys\x01\x06values\x01\x04\0\x07changes\x03\0\x07\x01r\x03\x08sub\
-keys\x01\x06values\x01\x04more\x7f\x04\0\x04page\x03\0\x09\x01@\x03\x05statey\x04\
keys\x01\x08sub-keys\x01\0\x03\x04\0\x03get\x01\x0b\x01@\x02\x05statey\x07change\
s\x08\x01\0\x04\0\x05write\x01\x0c\x01p}\x01k\x0d\x01@\x04\x05statey\x03key\x0d\x05\
after\x0e\x05limity\0\x0a\x04\0\x04scan\x01\x0f\x03\0\x1cwasmill:dataflow/state@\
0.1.0\x05\x05\x02\x03\0\0\x0btime-domain\x01B\x08\x02\x03\x02\x01\x03\x04\0\x05b\
lobs\x03\0\0\x02\x03\x02\x01\x06\x04\0\x0btime-domain\x03\0\x02\x01px\x01@\x04\x06\
domain\x03\x05times\x04\x04keys\x01\x0anamespaces\x01\x01\0\x04\0\x08register\x01\
\x05\x04\0\x06delete\x01\x05\x03\0\x1dwasmill:dataflow/timers@0.1.0\x05\x07\x01B\
\x0d\x01m\x05\x05error\x04warn\x04info\x05debug\x05trace\x04\0\x05level\x03\0\0\x01\
@\0\0x\x04\0\x03now\x01\x02\x01@\0\0w\x04\0\x06random\x01\x03\x01@\x02\x05level\x01\
\x07messages\x01\0\x04\0\x03log\x01\x04\x01@\x02\x04names\x05deltaw\x01\0\x04\0\x0b\
counter-add\x01\x05\x01@\x02\x04names\x05valueu\x01\0\x04\0\x09gauge-set\x01\x06\
\x04\0\x10histogram-record\x01\x06\x03\0\x1ewasmill:dataflow/context@0.1.0\x05\x08\
\x02\x03\0\0\x07failure\x01B\x12\x02\x03\x02\x01\x03\x04\0\x05blobs\x03\0\0\x02\x03\
\x02\x01\x09\x04\0\x07failure\x03\0\x02\x01q\x03\x05ready\0\0\x0aidle-until\x01x\
\0\x08finished\0\0\x04\0\x0bpoll-status\x03\0\x04\x01ps\x01j\x01\x01\x01\x03\x01\
@\x03\x04args\x06\x08operatory\x0bparallelismy\0\x07\x04\0\x06splits\x01\x08\x01\
j\0\x01\x03\x01@\x01\x06splits\x01\0\x09\x04\0\x06assign\x01\x0a\x01j\x01\x05\x01\
\x03\x01@\x01\x0bmax-recordsy\0\x0b\x04\0\x04poll\x01\x0c\x01@\0\0\x07\x04\0\x08\
snapshot\x01\x0d\x04\0\x1dwasmill:dataflow/source@0.1.0\x05\x0a\x01B\x1e\x01o\x02\
ss\x01p\0\x01r\x02\x04names\x07options\x01\x04\0\x09connector\x03\0\x02\x01q\x04\
\x10source-connector\x01\x03\0\x0esink-connector\x01\x03\0\x05guest\0\0\x0cguest\
-source\0\0\x04\0\x0doperator-kind\x03\0\x04\x01m\x03\x06always\x04head\x05never\
\x04\0\x08chaining\x03\0\x06\x01m\x08\x05value\x04list\x03map\x08reducing\x0bagg\
regating\x0doperator-list\x0eoperator-union\x09broadcast\x04\0\x0astate-kind\x03\
\0\x08\x01kw\x01ks\x01r\x05\x02idy\x04names\x04kind\x09\x03ttl\x0a\x06schema\x0b\
\x04\0\x0astate-spec\x03\0\x0c\x01p\x0d\x01ky\x01r\x0b\x02idy\x04names\x04kind\x05\
\x08chaining\x07\x06states\x0e\x03uid\x0b\x0bparallelism\x0f\x0fmax-parallelism\x0f\
\x12slot-sharing-group\x0b\x0bco-location\x0b\x12watermark-interval\x0f\x04\0\x0d\
operator-spec\x03\0\x10\x01m\x08\x07forward\x04hash\x09rebalance\x07rescale\x07s\
huffle\x09broadcast\x06global\x06custom\x04\0\x0cpartitioning\x03\0\x12\x01r\x06\
\x08upstreamy\x06outputy\x0adownstreamy\x05inputy\x0cpartitioning\x13\x06formats\
\x04\0\x04edge\x03\0\x14\x01p\x11\x01p\x15\x01r\x04\x04names\x09operators\x16\x05\
edges\x17\x0bparallelism\x0f\x04\0\x09job-graph\x03\0\x18\x01ps\x01j\x01\x19\x01\
s\x01@\x01\x04args\x1a\0\x1b\x04\0\x08describe\x01\x1c\x04\0\x1awasmill:dataflow\
/job@0.1.0\x05\x0b\x01B(\x02\x03\x02\x01\x01\x04\0\x05batch\x03\0\0\x02\x03\x02\x01\
\x03\x04\0\x05blobs\x03\0\x02\x02\x03\x02\x01\x09\x04\0\x07failure\x03\0\x04\x02\
\x03\x02\x01\x06\x04\0\x0btime-domain\x03\0\x06\x01r\x02\x04edgey\x08channelsy\x04\
\0\x0boutput-edge\x03\0\x08\x01m\x02\x04fail\x04skip\x04\0\x11bad-record-policy\x03\
\0\x0a\x01r\x03\x08operatory\x05statey\x05items\x03\x04\0\x0eoperator-state\x03\0\
\x0c\x01ps\x01py\x01p\x09\x01p\x0d\x01r\x0f\x03jobs\x04args\x0e\x09operators\x0f\
\x06inputs\x0f\x07outputs\x10\x07subtasky\x0bparallelismy\x0fmax-parallelismy\x07\
attempty\x08restored\x11\x0fhas-keyed-state\x7f\x0bcache-bytesw\x0bbatch-bytesy\x10\
max-record-bytesy\x0don-bad-record\x0b\x04\0\x0ctask-context\x03\0\x12\x01j\0\x01\
\x05\x01@\x01\x07context\x13\0\x14\x04\0\x04open\x01\x15\x01@\x02\x05inputy\x07r\
ecords\x01\0\x14\x04\0\x07process\x01\x16\x01px\x01@\x04\x06domain\x07\x05times\x17\
\x04keys\x03\x0anamespaces\x03\0\x14\x04\0\x09on-timers\x01\x18\x01@\x01\x04time\
x\0\x14\x04\0\x0con-watermark\x01\x19\x01j\x01\x11\x01\x05\x01@\x01\x0acheckpoin\
tw\0\x1a\x04\0\x08snapshot\x01\x1b\x01@\x01\x0acheckpointw\0\x14\x04\0\x13checkp\
oint-complete\x01\x1c\x04\0\x12checkpoint-aborted\x01\x1c\x01@\x01\x05inputy\0\x14\
\x04\0\x0cend-of-input\x01\x1d\x01@\0\x01\0\x04\0\x05close\x01\x1e\x04\0\x1fwasm\
ill:dataflow/operator@0.1.0\x05\x0c\x04\0*wasmill:dataflow/bundle-with-sources@0\
.1.0\x04\0\x0b\x19\x01\0\x13bundle-with-sources\x03\0\0\0G\x09producers\x01\x0cp\
rocessed-by\x02\x0dwit-component\x070.262.0\x10wit-bindgen-rust\x060.63.0";
        };
    };
}
#[doc(inline)]
pub use __export_bundle_with_sources_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.63.0:wasmill:dataflow@0.1.0:bundle-with-sources-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 1401] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xcf\x09\x01A\x02\x01\
A\x0e\x01B\x10\x01px\x01py\x01p}\x01r\x04\x0atimestamps\0\x06hashes\x01\x04ends\x01\
\x04data\x02\x04\0\x05batch\x03\0\x03\x01r\x02\x04ends\x01\x04data\x02\x04\0\x05\
blobs\x03\0\x05\x01p\x7f\x01r\x02\x07present\x07\x06values\x06\x04\0\x0eoptional\
-blobs\x03\0\x08\x01r\x02\x05indexy\x07messages\x04\0\x0abad-record\x03\0\x0a\x01\
q\x03\x04user\x01s\0\x0abad-record\x01\x0b\0\x05other\x01s\0\x04\0\x07failure\x03\
\0\x0c\x01m\x02\x05event\x0aprocessing\x04\0\x0btime-domain\x03\0\x0e\x03\0\x1cw\
asmill:dataflow/types@0.1.0\x05\0\x02\x03\0\0\x05batch\x01B\x08\x02\x03\x02\x01\x01\
\x04\0\x05batch\x03\0\0\x01@\x02\x06outputy\x07records\x01\x01\0\x04\0\x04emit\x01\
\x02\x01@\x01\x04timex\x01\0\x04\0\x0eemit-watermark\x01\x03\x01@\0\x01\0\x04\0\x09\
mark-idle\x01\x04\x03\0\x1dwasmill:dataflow/output@0.1.0\x05\x02\x02\x03\0\0\x05\
blobs\x02\x03\0\0\x0eoptional-blobs\x01B\x13\x02\x03\x02\x01\x03\x04\0\x05blobs\x03\
\0\0\x02\x03\x02\x01\x04\x04\0\x0eoptional-blobs\x03\0\x02\x01m\x03\x03put\x06de\
lete\x05clear\x04\0\x0bchange-kind\x03\0\x04\x01p\x05\x01r\x04\x05kinds\x06\x04k\
eys\x01\x08sub-keys\x01\x06values\x01\x04\0\x07changes\x03\0\x07\x01r\x03\x08sub\
-keys\x01\x06values\x01\x04more\x7f\x04\0\x04page\x03\0\x09\x01@\x03\x05statey\x04\
keys\x01\x08sub-keys\x01\0\x03\x04\0\x03get\x01\x0b\x01@\x02\x05statey\x07change\
s\x08\x01\0\x04\0\x05write\x01\x0c\x01p}\x01k\x0d\x01@\x04\x05statey\x03key\x0d\x05\
after\x0e\x05limity\0\x0a\x04\0\x04scan\x01\x0f\x03\0\x1cwasmill:dataflow/state@\
0.1.0\x05\x05\x02\x03\0\0\x0btime-domain\x01B\x08\x02\x03\x02\x01\x03\x04\0\x05b\
lobs\x03\0\0\x02\x03\x02\x01\x06\x04\0\x0btime-domain\x03\0\x02\x01px\x01@\x04\x06\
domain\x03\x05times\x04\x04keys\x01\x0anamespaces\x01\x01\0\x04\0\x08register\x01\
\x05\x04\0\x06delete\x01\x05\x03\0\x1dwasmill:dataflow/timers@0.1.0\x05\x07\x01B\
\x0d\x01m\x05\x05error\x04warn\x04info\x05debug\x05trace\x04\0\x05level\x03\0\0\x01\
@\0\0x\x04\0\x03now\x01\x02\x01@\0\0w\x04\0\x06random\x01\x03\x01@\x02\x05level\x01\
\x07messages\x01\0\x04\0\x03log\x01\x04\x01@\x02\x04names\x05deltaw\x01\0\x04\0\x0b\
counter-add\x01\x05\x01@\x02\x04names\x05valueu\x01\0\x04\0\x09gauge-set\x01\x06\
\x04\0\x10histogram-record\x01\x06\x03\0\x1ewasmill:dataflow/context@0.1.0\x05\x08\
\x04\0Jwasmill:dataflow/bundle-with-sources-with-all-of-its-exports-removed@0.1.\
0\x04\0\x0b9\x01\03bundle-with-sources-with-all-of-its-exports-removed\x03\0\0\0\
G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.262.0\x10wit-bindge\
n-rust\x060.63.0";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
