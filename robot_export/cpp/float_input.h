// A pixel and `add`, the shift of its channel, in float.
template <class Pixel> BALL_INLINE float number(Pixel pixel, float add) { return static_cast<float>(pixel) + add; }
BALL_INLINE float lighter(float add, float brightness) { return add + 255.0f * brightness; }

// Bytes in 32-bit lanes: Y of two pixels, each with a zero behind it, or Y and U, Y and V.
#if defined(__SSE4_1__)
template <int Channels> BALL_INLINE __m128i two_pixels(const std::uint8_t* p) {
  const __m128i* const q = reinterpret_cast<const __m128i*>(p);
  return Channels == 1 ? _mm_cvtepu8_epi16(_mm_loadl_epi64(q)) : _mm_loadu_si128(q);
}
BALL_INLINE f4 byte_of(__m128i a, int bits) {
  return f4{_mm_cvtepi32_ps(_mm_and_si128(_mm_srli_epi32(a, bits), _mm_set1_epi32(255)))};
}
#elif defined(BALL_BYTES)
template <int Channels> BALL_INLINE uint32x4_t two_pixels(const std::uint8_t* p) {
  return Channels == 1 ? vreinterpretq_u32_u16(vmovl_u8(vld1_u8(p))) : vreinterpretq_u32_u8(vld1q_u8(p));
}
BALL_INLINE f4 byte_of(uint32x4_t a, int bits) {
  return f4{vcvtq_f32_u32(vandq_u32(vshlq_u32(a, vdupq_n_s32(-bits)), vdupq_n_u32(255)))};
}
#endif

#if defined(BALL_BYTES)
// The left and the right columns of four tiles, for each channel.
template <int Channels> BALL_INLINE void columns_of_tiles(const std::uint8_t* p, const float* add, f4* left, f4* right) {
  const auto pixels = two_pixels<Channels>(p);
  for (int channel = 0; channel < Channels; ++channel) {
    left[channel] = byte_of(pixels, 8 * channel) + f4::all(add[channel]);
    right[channel] = byte_of(pixels, 8 * channel + 16) + f4::all(add[channel]);
  }
}
#endif
