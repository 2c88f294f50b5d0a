// Vectors of 8 and 16 int16 (s) and of 4 and 8 int32 (w) with one interface. Sums wrap.
typedef std::int16_t Number;
typedef std::int32_t Sum;
#define BALL_LANES(x) x, x, x, x, x, x, x, x
static constexpr int lanes = 8;  // of the smallest vector
#if defined(__AVX2__)
#define BALL_WIDTH 8
#else
#define BALL_WIDTH 4
#endif
// The factors of two inputs and four outputs. x86 multiplies and adds them in pairs, NEON one input at a time.
#if defined(__aarch64__) && defined(__ARM_NEON)
#define BALL_PAIRS(a, b, c, d, e, f, g, h) a, c, e, g, b, d, f, h
#else
#define BALL_PAIRS(a, b, c, d, e, f, g, h) a, b, c, d, e, f, g, h
#endif

#define BALL_VECTOR(V, Element, Unsigned, Count)                                                            \
  struct V {                                                                                                \
    typedef Element native __attribute__((vector_size(Count * sizeof(Element))));                           \
    typedef Unsigned wrapping __attribute__((vector_size(Count * sizeof(Element))));                        \
    native v;                                                                                               \
    BALL_INLINE V near(const Element* p) { /* at any address */                                             \
      V a;                                                                                                  \
      std::memcpy(&a.v, p, sizeof a.v);                                                                     \
      return a;                                                                                             \
    }                                                                                                       \
    BALL_INLINE V load(const Element* p) { /* aligned to 16 bytes: a legacy SSE operand has to be */        \
      V a;                                                                                                  \
      std::memcpy(&a.v, __builtin_assume_aligned(p, 16), sizeof a.v);                                       \
      return a;                                                                                             \
    }                                                                                                       \
    BALL_INLINE V all(Element x) { return V{native{} + x}; }                                                \
  };                                                                                                        \
  BALL_INLINE void store(Element* p, V a) { std::memcpy(p, &a.v, sizeof a.v); }                             \
  BALL_INLINE V operator+(V a, V b) { return V{(V::native)((V::wrapping)a.v + (V::wrapping)b.v)}; }         \
  BALL_INLINE V operator-(V a, V b) { return V{(V::native)((V::wrapping)a.v - (V::wrapping)b.v)}; }         \
  BALL_INLINE V larger(V a, V b) { return V{a.v > b.v ? a.v : b.v}; }                                       \
  BALL_INLINE V smaller(V a, V b) { return V{a.v < b.v ? a.v : b.v}; }                                      \
  template <int N> BALL_INLINE V shifted(V a) { return V{a.v >> N}; }

BALL_VECTOR(s8, std::int16_t, std::uint16_t, 8)
BALL_VECTOR(w4, std::int32_t, std::uint32_t, 4)
#if BALL_WIDTH == 8
BALL_VECTOR(s16, std::int16_t, std::uint16_t, 16)
BALL_VECTOR(w8, std::int32_t, std::uint32_t, 8)
#endif

typedef s8 Vector;

// scaled: (a * b + 2^14) >> 15 of each lane. lane: the pair P of a, for `times`. times: products of pairs, added.
// narrow: clamps to int16. zip: alternates lanes of a and b.
#if defined(__SSSE3__)
BALL_INLINE s8 scaled(s8 a, s8 b) { return s8{(s8::native)_mm_mulhrs_epi16((__m128i)a.v, (__m128i)b.v)}; }
template <int P> BALL_INLINE s8 lane(s8 a) { return s8{(s8::native)_mm_shuffle_epi32((__m128i)a.v, P * 0x55)}; }
BALL_INLINE w4 times(s8 a, s8 b) { return w4{(w4::native)_mm_madd_epi16((__m128i)a.v, (__m128i)b.v)}; }
BALL_INLINE w4 madd(w4 sum, s8 a, s8 b) { return sum + times(a, b); }
BALL_INLINE s8 narrow(w4 a, w4 b) { return s8{(s8::native)_mm_packs_epi32((__m128i)a.v, (__m128i)b.v)}; }
BALL_INLINE void zip(s8 a, s8 b, s8& low, s8& high) {
  low = s8{(s8::native)_mm_unpacklo_epi16((__m128i)a.v, (__m128i)b.v)};
  high = s8{(s8::native)_mm_unpackhi_epi16((__m128i)a.v, (__m128i)b.v)};
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
template <int P> struct Pair {
  int16x8_t v;
};
BALL_INLINE s8 scaled(s8 a, s8 b) { return s8{(s8::native)vqrdmulhq_s16((int16x8_t)a.v, (int16x8_t)b.v)}; }
template <int P> BALL_INLINE Pair<P> lane(s8 a) { return Pair<P>{(int16x8_t)a.v}; }
template <int P> BALL_INLINE w4 madd(w4 sum, Pair<P> a, s8 b) {
  const int32x4_t first = vmlal_laneq_s16((int32x4_t)sum.v, vget_low_s16((int16x8_t)b.v), a.v, 2 * P);
  return w4{(w4::native)vmlal_high_laneq_s16(first, (int16x8_t)b.v, a.v, 2 * P + 1)};
}
template <int P> BALL_INLINE w4 times(Pair<P> a, s8 b) {
  const int32x4_t first = vmull_laneq_s16(vget_low_s16((int16x8_t)b.v), a.v, 2 * P);
  return w4{(w4::native)vmlal_high_laneq_s16(first, (int16x8_t)b.v, a.v, 2 * P + 1)};
}
BALL_INLINE s8 narrow(w4 a, w4 b) {
  return s8{(s8::native)vqmovn_high_s32(vqmovn_s32((int32x4_t)a.v), (int32x4_t)b.v)};
}
BALL_INLINE void zip(s8 a, s8 b, s8& low, s8& high) {
  low = s8{(s8::native)vzip1q_s16((int16x8_t)a.v, (int16x8_t)b.v)};
  high = s8{(s8::native)vzip2q_s16((int16x8_t)a.v, (int16x8_t)b.v)};
}
#else  // any other target of GCC and Clang
BALL_INLINE s8 scaled(s8 a, s8 b) {
  for (int i = 0; i < 8; ++i) a.v[i] = static_cast<std::int16_t>((a.v[i] * b.v[i] + (1 << 14)) >> 15);
  return a;
}
template <int P> BALL_INLINE s8 lane(s8 a) {
  s8 b = a;
  for (int i = 0; i < 8; ++i) b.v[i] = a.v[2 * P + i % 2];
  return b;
}
BALL_INLINE w4 times(s8 a, s8 b) {
  w4 c;
  for (int i = 0; i < 4; ++i) c.v[i] = a.v[2 * i] * b.v[2 * i] + a.v[2 * i + 1] * b.v[2 * i + 1];
  return c;
}
BALL_INLINE w4 madd(w4 sum, s8 a, s8 b) { return sum + times(a, b); }
BALL_INLINE s8 narrow(w4 a, w4 b) {
  s8 c;
  for (int i = 0; i < 8; ++i) {
    const std::int32_t x = i < 4 ? a.v[i] : b.v[i - 4];
    c.v[i] = static_cast<std::int16_t>(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
  }
  return c;
}
BALL_INLINE void zip(s8 a, s8 b, s8& low, s8& high) {
  for (int i = 0; i < 8; ++i) {
    low.v[i] = i % 2 ? b.v[i / 2] : a.v[i / 2];
    high.v[i] = i % 2 ? b.v[4 + i / 2] : a.v[4 + i / 2];
  }
}
#endif
BALL_INLINE s8 narrow(w4 a) { return narrow(a, a); }
typedef std::int64_t halves __attribute__((vector_size(16)));
template <int N> BALL_INLINE void store_half(std::int16_t* p, s8 a) {
  const std::int64_t half = ((halves)a.v)[N];
  std::memcpy(p, &half, 8);
}
template <int Count> BALL_INLINE s8 inputs(const std::int16_t* p) {  // pairs
  if (Count > 2) return s8::near(p);
  std::int64_t half;
  std::memcpy(&half, p, 8);
  return s8{(s8::native)halves{half, 0}};
}

#if BALL_WIDTH == 8
// Two inputs, in all lanes.
template <class V> BALL_INLINE V repeated(const std::int16_t* p) {
  std::int32_t both;
  std::memcpy(&both, p, sizeof both);
  typedef std::int32_t wide __attribute__((vector_size(sizeof(V))));
  return V{(typename V::native)(wide{} + both)};
}
BALL_INLINE s16 scaled(s16 a, s16 b) { return s16{(s16::native)_mm256_mulhrs_epi16((__m256i)a.v, (__m256i)b.v)}; }
BALL_INLINE w8 times(s16 a, s16 b) { return w8{(w8::native)_mm256_madd_epi16((__m256i)a.v, (__m256i)b.v)}; }
BALL_INLINE w8 madd(w8 sum, s16 a, s16 b) { return sum + times(a, b); }
BALL_INLINE s8 narrow(w8 a) {
  return s8{(s8::native)_mm_packs_epi32(_mm256_castsi256_si128((__m256i)a.v), _mm256_extracti128_si256((__m256i)a.v, 1))};
}
#endif

// Lanes [channel][tile] of N = 4 or 8 channels and 8 tiles -> [tile][channel]: a round moves one bit of the row's number.
template <int N> BALL_INLINE void zip_rows(const s8* a, s8* b) {
  zip(a[0], a[N / 2], b[0], b[1]);
  zip(a[1], a[N / 2 + 1], b[2], b[3]);
  if (N == 8) {  // no loop: -O2 would keep it, and the rows in memory
    zip(a[2], a[N / 2 + 2], b[4], b[5]);
    zip(a[3], a[N / 2 + 3], b[6], b[7]);
  }
}
template <int N> BALL_INLINE void transpose(const s8* a, s8* out) {
  s8 b[8], c[8];
  zip_rows<N>(a, b);
  zip_rows<N>(b, N == 8 ? c : out);
  if (N == 8) zip_rows<N>(c, out);
}
