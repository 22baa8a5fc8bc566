#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holdfast_fuzz::capsule(bytes));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    holdfast_fuzz::shape::cbor(1).change(data, size, most, seed, libfuzzer_sys::fuzzer_mutate)
});
