// Vectors of 4, 8 and 16 floats with one interface. The widest that the compiler may use is chosen at compile time.
#if defined(__GNUC__)
#define BALL_INLINE static inline __attribute__((always_inline))
#else
#define BALL_INLINE static inline
#endif
#if defined(__AVX512F__) && defined(__AVX2__) && defined(__FMA__)
#define BALL_WIDTH 16
#elif defined(__AVX2__) && defined(__FMA__)
#define BALL_WIDTH 8
#else
#define BALL_WIDTH 4
#endif
// SSE has no cheap way to broadcast from memory: there, the factors that meet tiles in the lanes are stored four times.
#if defined(__SSE4_1__) && BALL_WIDTH == 4
#define BALL_FACTOR(x) x, x, x, x
#define BALL_REPEAT 4
#else
#define BALL_FACTOR(x) x
#define BALL_REPEAT 1
#endif

#if defined(__SSE4_1__)
struct f4 {
  __m128 v;
  BALL_INLINE f4 load(const float* p) { return f4{_mm_load_ps(p)}; }  // aligned: a legacy SSE operand in memory has to be
  BALL_INLINE f4 all(float x) { return f4{_mm_set1_ps(x)}; }
  BALL_INLINE f4 factor(const float* p, int i) { return BALL_REPEAT == 4 ? load(p + 4 * i) : all(p[i]); }
  template <int I> BALL_INLINE f4 lane(f4 a) {  // pshufd copies and broadcasts in one instruction, shufps does not
    return f4{_mm_castsi128_ps(_mm_shuffle_epi32(_mm_castps_si128(a.v), I * 0x55))};
  }
};
BALL_INLINE void store(float* p, f4 a) { _mm_store_ps(p, a.v); }
BALL_INLINE f4 operator+(f4 a, f4 b) { return f4{_mm_add_ps(a.v, b.v)}; }
BALL_INLINE f4 operator-(f4 a, f4 b) { return f4{_mm_sub_ps(a.v, b.v)}; }
BALL_INLINE f4 operator*(f4 a, f4 b) { return f4{_mm_mul_ps(a.v, b.v)}; }
BALL_INLINE f4 larger(f4 a, f4 b) { return f4{_mm_max_ps(a.v, b.v)}; }
#if defined(__FMA__)
BALL_INLINE f4 madd(f4 sum, f4 a, f4 b) { return f4{_mm_fmadd_ps(a.v, b.v, sum.v)}; }
#else
BALL_INLINE f4 madd(f4 sum, f4 a, f4 b) { return sum + a * b; }
#endif
BALL_INLINE void transpose(f4& a, f4& b, f4& c, f4& d) { _MM_TRANSPOSE4_PS(a.v, b.v, c.v, d.v); }
#elif defined(__aarch64__) && defined(__ARM_NEON)
struct f4 {
  float32x4_t v;
  BALL_INLINE f4 load(const float* p) { return f4{vld1q_f32(p)}; }
  BALL_INLINE f4 all(float x) { return f4{vdupq_n_f32(x)}; }
  BALL_INLINE f4 factor(const float* p, int i) { return all(p[i]); }
  template <int I> BALL_INLINE f4 lane(f4 a) { return f4{vdupq_laneq_f32(a.v, I)}; }
};
BALL_INLINE void store(float* p, f4 a) { vst1q_f32(p, a.v); }
BALL_INLINE f4 operator+(f4 a, f4 b) { return f4{vaddq_f32(a.v, b.v)}; }
BALL_INLINE f4 operator-(f4 a, f4 b) { return f4{vsubq_f32(a.v, b.v)}; }
BALL_INLINE f4 operator*(f4 a, f4 b) { return f4{vmulq_f32(a.v, b.v)}; }
BALL_INLINE f4 larger(f4 a, f4 b) { return f4{vmaxq_f32(a.v, b.v)}; }
BALL_INLINE f4 madd(f4 sum, f4 a, f4 b) { return f4{vfmaq_f32(sum.v, a.v, b.v)}; }
BALL_INLINE void transpose(f4& a, f4& b, f4& c, f4& d) {
  const float32x4x2_t ab = vtrnq_f32(a.v, b.v), cd = vtrnq_f32(c.v, d.v);
  a.v = vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0]));
  b.v = vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1]));
  c.v = vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0]));
  d.v = vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1]));
}
#else  // anything else
struct f4 {
#if defined(__GNUC__)
  typedef float native __attribute__((vector_size(16)));
#else
  struct native {
    float lanes[4];
    float& operator[](int i) { return lanes[i]; }
    float operator[](int i) const { return lanes[i]; }
    friend native operator+(native a, native b) { return native{a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]}; }
    friend native operator-(native a, native b) { return native{a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]}; }
    friend native operator*(native a, native b) { return native{a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]}; }
  };
#endif
  native v;
  BALL_INLINE f4 load(const float* p) { return f4{native{p[0], p[1], p[2], p[3]}}; }
  BALL_INLINE f4 all(float x) { return f4{native{x, x, x, x}}; }
  BALL_INLINE f4 factor(const float* p, int i) { return all(p[i]); }
  template <int I> BALL_INLINE f4 lane(f4 a) { return all(a.v[I]); }
};
BALL_INLINE void store(float* p, f4 a) { std::memcpy(p, &a.v, sizeof a.v); }
BALL_INLINE f4 operator+(f4 a, f4 b) { return f4{a.v + b.v}; }
BALL_INLINE f4 operator-(f4 a, f4 b) { return f4{a.v - b.v}; }
BALL_INLINE f4 operator*(f4 a, f4 b) { return f4{a.v * b.v}; }
BALL_INLINE f4 larger(f4 a, f4 b) {
  for (int i = 0; i < 4; ++i) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
  return a;
}
BALL_INLINE f4 madd(f4 sum, f4 a, f4 b) { return sum + a * b; }
BALL_INLINE void transpose(f4& a, f4& b, f4& c, f4& d) {
  const f4 w = a, x = b, y = c, z = d;
  for (int i = 0; i < 4; ++i) {
    f4& row = i == 0 ? a : i == 1 ? b : i == 2 ? c : d;
    row.v = f4::native{w.v[i], x.v[i], y.v[i], z.v[i]};
  }
}
#endif
template <int I> BALL_INLINE f4 quarter(f4 a) { return a; }

#if BALL_WIDTH >= 8
struct f8 {
  __m256 v;
  BALL_INLINE f8 load(const float* p) { return f8{_mm256_loadu_ps(p)}; }
  BALL_INLINE f8 all(float x) { return f8{_mm256_set1_ps(x)}; }
  BALL_INLINE f8 factor(const float* p, int i) { return all(p[i]); }
};
BALL_INLINE void store(float* p, f8 a) { _mm256_storeu_ps(p, a.v); }
BALL_INLINE f8 operator+(f8 a, f8 b) { return f8{_mm256_add_ps(a.v, b.v)}; }
BALL_INLINE f8 operator-(f8 a, f8 b) { return f8{_mm256_sub_ps(a.v, b.v)}; }
BALL_INLINE f8 operator*(f8 a, f8 b) { return f8{_mm256_mul_ps(a.v, b.v)}; }
BALL_INLINE f8 larger(f8 a, f8 b) { return f8{_mm256_max_ps(a.v, b.v)}; }
BALL_INLINE f8 madd(f8 sum, f8 a, f8 b) { return f8{_mm256_fmadd_ps(a.v, b.v, sum.v)}; }
template <int I> BALL_INLINE f4 quarter(f8 a) { return f4{_mm256_extractf128_ps(a.v, I)}; }
// Transposes each group of four lanes on its own.
BALL_INLINE void transpose(f8& a, f8& b, f8& c, f8& d) {
  const __m256 w = _mm256_unpacklo_ps(a.v, b.v), x = _mm256_unpackhi_ps(a.v, b.v);
  const __m256 y = _mm256_unpacklo_ps(c.v, d.v), z = _mm256_unpackhi_ps(c.v, d.v);
  a.v = _mm256_shuffle_ps(w, y, 0x44);
  b.v = _mm256_shuffle_ps(w, y, 0xEE);
  c.v = _mm256_shuffle_ps(x, z, 0x44);
  d.v = _mm256_shuffle_ps(x, z, 0xEE);
}
#endif

#if BALL_WIDTH >= 16
// The forms with a mask of ones give the same instructions; GCC 12 warns about its own headers for the plain ones.
struct f16 {
  __m512 v;
  BALL_INLINE f16 load(const float* p) { return f16{_mm512_loadu_ps(p)}; }
  BALL_INLINE f16 all(float x) { return f16{_mm512_set1_ps(x)}; }
  BALL_INLINE f16 factor(const float* p, int i) { return all(p[i]); }
};
BALL_INLINE void store(float* p, f16 a) { _mm512_storeu_ps(p, a.v); }
BALL_INLINE f16 operator+(f16 a, f16 b) { return f16{_mm512_add_ps(a.v, b.v)}; }
BALL_INLINE f16 operator-(f16 a, f16 b) { return f16{_mm512_sub_ps(a.v, b.v)}; }
BALL_INLINE f16 operator*(f16 a, f16 b) { return f16{_mm512_mul_ps(a.v, b.v)}; }
BALL_INLINE f16 larger(f16 a, f16 b) { return f16{_mm512_maskz_max_ps(0xFFFF, a.v, b.v)}; }
BALL_INLINE f16 madd(f16 sum, f16 a, f16 b) { return f16{_mm512_fmadd_ps(a.v, b.v, sum.v)}; }
template <int I> BALL_INLINE f4 quarter(f16 a) { return f4{_mm512_maskz_extractf32x4_ps(0xF, a.v, I)}; }
BALL_INLINE void transpose(f16& a, f16& b, f16& c, f16& d) {
  const __m512 w = _mm512_maskz_unpacklo_ps(0xFFFF, a.v, b.v), x = _mm512_maskz_unpackhi_ps(0xFFFF, a.v, b.v);
  const __m512 y = _mm512_maskz_unpacklo_ps(0xFFFF, c.v, d.v), z = _mm512_maskz_unpackhi_ps(0xFFFF, c.v, d.v);
  a.v = _mm512_maskz_shuffle_ps(0xFFFF, w, y, 0x44);
  b.v = _mm512_maskz_shuffle_ps(0xFFFF, w, y, 0xEE);
  c.v = _mm512_maskz_shuffle_ps(0xFFFF, x, z, 0x44);
  d.v = _mm512_maskz_shuffle_ps(0xFFFF, x, z, 0xEE);
}
#endif

// max(x, slope * x): LeakyReLU for slopes up to 1.
template <class V> BALL_INLINE V leaky(V x, float slope) { return larger(x, x * V::all(slope)); }

// Says that a register holds something new, at no cost. Without it, GCC computes one sum after the other, keeps every
// broadcast value until the last of them, and runs out of registers.
template <class V> BALL_INLINE V pinned(V a) {
#if defined(__GNUC__) && defined(__SSE4_1__)
  __asm__("" : "+x"(a.v));
#elif defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON)
  __asm__("" : "+w"(a.v));
#endif
  return a;
}

// The same pointer, of which the compiler knows nothing: it cannot load weights ahead and spill them.
BALL_INLINE const float* opaque(const float* p) {
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}

BALL_INLINE float sum(f4 a) {
  alignas(16) float p[4];
  store(p, a);
  return (p[0] + p[2]) + (p[1] + p[3]);
}

// Zeros around a map [side][side][channels]; `side` counts the border.
static inline void clear_border(float* p, int side, int channels) {
  const f4 zero = f4::all(0.0f);
  for (int i = 0; i < side * channels; i += 4) {
    store(p + i, zero);
    store(p + (side - 1) * side * channels + i, zero);
  }
  for (int y = 1; y < side - 1; ++y) {
    for (int c = 0; c < channels; c += 4) {
      store(p + y * side * channels + c, zero);
      store(p + (y * side + side - 1) * channels + c, zero);
    }
  }
}

// 16 bytes: `picked` makes floats of the four that `picker` names; `zip` takes bytes of a and b in turns.
#if defined(__SSE4_1__)
#define BALL_BYTES
typedef __m128i bytes;
template <int N> BALL_INLINE bytes load_bytes(const std::uint8_t* p) {
  const __m128i* const q = reinterpret_cast<const __m128i*>(p);
  return N == 8 ? _mm_loadl_epi64(q) : _mm_loadu_si128(q);
}
BALL_INLINE void store_bytes(std::uint8_t* p, bytes a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), a); }
BALL_INLINE void store_anywhere(float* p, f4 a) { _mm_storeu_ps(p, a.v); }
BALL_INLINE bytes picker(int first, int step) {
  const int zeros = static_cast<int>(0x80808000u);
  return _mm_setr_epi32(zeros + first, zeros + first + step, zeros + first + 2 * step, zeros + first + 3 * step);
}
BALL_INLINE f4 picked(bytes a, bytes which) { return f4{_mm_cvtepi32_ps(_mm_shuffle_epi8(a, which))}; }
BALL_INLINE void zip(bytes a, bytes b, bytes& low, bytes& high) {
  low = _mm_unpacklo_epi8(a, b);
  high = _mm_unpackhi_epi8(a, b);
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define BALL_BYTES
typedef uint8x16_t bytes;
template <int N> BALL_INLINE bytes load_bytes(const std::uint8_t* p) {
  return N == 8 ? vcombine_u8(vld1_u8(p), vdup_n_u8(0)) : vld1q_u8(p);
}
BALL_INLINE void store_bytes(std::uint8_t* p, bytes a) { vst1q_u8(p, a); }
BALL_INLINE void store_anywhere(float* p, f4 a) { vst1q_f32(p, a.v); }
BALL_INLINE bytes picker(int first, int step) {
  std::uint8_t which[16];
  for (int i = 0; i < 16; ++i) which[i] = static_cast<std::uint8_t>(i % 4 == 0 ? first + i / 4 * step : 255);
  return vld1q_u8(which);
}
BALL_INLINE f4 picked(bytes a, bytes which) {
  return f4{vcvtq_f32_u32(vreinterpretq_u32_u8(vqtbl1q_u8(a, which)))};
}
BALL_INLINE void zip(bytes a, bytes b, bytes& low, bytes& high) {
  low = vzip1q_u8(a, b);
  high = vzip2q_u8(a, b);
}
#endif
