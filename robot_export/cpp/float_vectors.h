// Vectors of 4, 8 and 16 floats with one interface. The widest that the compiler may use is chosen at compile time.
typedef float Number;
typedef float Sum;
#define BALL_LANES(x) x, x, x, x
static constexpr int lanes = 4;  // of the smallest vector
#if defined(__AVX512F__) && defined(__AVX2__) && defined(__FMA__)
#define BALL_WIDTH 16
#elif defined(__AVX2__) && defined(__FMA__)
#define BALL_WIDTH 8
#else
#define BALL_WIDTH 4
#endif

template <class V> BALL_INLINE V operator+(V a, V b) { return V{a.v + b.v}; }
template <class V> BALL_INLINE V operator-(V a, V b) { return V{a.v - b.v}; }
template <class V> BALL_INLINE V operator*(V a, V b) { return V{a.v * b.v}; }
#if defined(__SSE4_1__)
struct f4 {
  __m128 v;
  BALL_INLINE f4 load(const float* p) { return f4{_mm_load_ps(p)}; }  // aligned: a legacy SSE operand in memory has to be
  BALL_INLINE f4 all(float x) { return f4{_mm_set1_ps(x)}; }
};
template <int I> BALL_INLINE f4 lane(f4 a) {  // pshufd copies and broadcasts in one instruction, shufps does not
  return f4{_mm_castsi128_ps(_mm_shuffle_epi32(_mm_castps_si128(a.v), I * 0x55))};
}
BALL_INLINE void store(float* p, f4 a) { _mm_store_ps(p, a.v); }
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
};
template <int I> BALL_INLINE f4 lane(f4 a) { return f4{vdupq_laneq_f32(a.v, I)}; }
BALL_INLINE void store(float* p, f4 a) { vst1q_f32(p, a.v); }
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
};
template <int I> BALL_INLINE f4 lane(f4 a) { return f4::all(a.v[I]); }
BALL_INLINE void store(float* p, f4 a) { std::memcpy(p, &a.v, sizeof a.v); }
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
};
BALL_INLINE void store(float* p, f8 a) { _mm256_storeu_ps(p, a.v); }
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
// The variants with a mask of ones give the same instructions; GCC 12 warns about its own headers for the plain ones.
struct f16 {
  __m512 v;
  BALL_INLINE f16 load(const float* p) { return f16{_mm512_loadu_ps(p)}; }
  BALL_INLINE f16 all(float x) { return f16{_mm512_set1_ps(x)}; }
};
BALL_INLINE void store(float* p, f16 a) { _mm512_storeu_ps(p, a.v); }
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

typedef f4 Vector;
template <int Count> BALL_INLINE f4 inputs(const float* p) { return f4::load(p); }
template <class V> BALL_INLINE V repeated(const float* p) { return V::all(*p); }
template <class V> BALL_INLINE V times(V a, V b) { return a * b; }

// max(x, slope * x): LeakyReLU for slopes up to 1.
template <class V> BALL_INLINE V leaky(V x, float slope) { return larger(x, x * V::all(slope)); }

BALL_INLINE float sum(f4 a) {
  alignas(16) float p[4];
  store(p, a);
  return (p[0] + p[2]) + (p[1] + p[3]);
}
