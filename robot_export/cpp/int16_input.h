// The largest whole number that is not above x + 0.5, for |x| <= bound; NaN becomes -bound.
static inline int rounded(float x, float bound) {
  const float y = (x > -bound ? (x < bound ? x : bound) : -bound) + 0.5f;
  const int whole = static_cast<int>(y);
  return whole - (static_cast<float>(whole) > y ? 1 : 0);
}
static inline int fixed(std::uint8_t pixel) { return pixel * 32; }
static inline int fixed(float pixel) { return rounded(pixel * 32.0f, 65536.0f); }

// raw * 32 + `add`, the shift of the channel, clamped.
template <class Pixel> BALL_INLINE std::int16_t number(Pixel pixel, std::int32_t add) {
  const std::int32_t wide = fixed(pixel) + add;
  return static_cast<std::int16_t>(wide < lowest ? lowest : wide > highest ? highest : wide);
}

// Beyond 24000, all pixels are clamped; below it, sums are int16.
BALL_INLINE std::int32_t lighter(std::int32_t add, float brightness) {
  add += (rounded(brightness * 4096.0f, 16384.0f) * (255 * 32) + 2048) >> 12;
  return add > 24000 ? 24000 : add < -24000 ? -24000 : add;
}

BALL_INLINE s8 numbers(s8 pixels, std::int32_t add) {
  const s8 a = s8{pixels.v << 5} + s8::all(static_cast<std::int16_t>(add));
  return larger(smaller(a, s8::all(highest)), s8::all(lowest));
}

BALL_INLINE w4 byte_of(w4::wrapping a, int bits) { return w4{(w4::native)(a >> bits & 255)}; }

// The left and the right columns of eight tiles, for each channel.
template <int Channels>
BALL_INLINE void columns_of_tiles(const std::uint8_t* p, const std::int32_t* add, s8* left, s8* right) {
  s8::wrapping ys;
  w4::wrapping a, b;  // in each lane Y and U, Y and V
  std::memcpy(&ys, p, sizeof ys);
  std::memcpy(&a, p, sizeof a);
  std::memcpy(&b, p + 16 * (Channels - 1), sizeof b);
  for (int channel = 0; channel < Channels; ++channel) {
    const int at = 8 * channel;
    const s8 l = Channels == 1 ? s8{(s8::native)(ys & 255)} : narrow(byte_of(a, at), byte_of(b, at));
    const s8 r = Channels == 1 ? s8{(s8::native)(ys >> 8)} : narrow(byte_of(a, at + 16), byte_of(b, at + 16));
    left[channel] = numbers(l, add[channel]);
    right[channel] = numbers(r, add[channel]);
  }
}

// LeakyReLU for a slope of at most 1, in units of 2^-15, then the clamp, below only where that may be needed.
template <bool Both, class V> BALL_INLINE V activated(V x, std::int16_t slope) {
  const V y = smaller(larger(x, scaled(x, V::all(slope))), V::all(limit));
  return Both ? larger(y, V::all(-limit)) : y;
}

// 1 / (1 + 2^-x) for x = sum / 2^bits. 2^-x is computed in whole numbers, the rest is one addition and one division.
BALL_INLINE float probability(std::int32_t sum, int bits) {
  const std::int64_t size = sum < 0 ? -static_cast<std::int64_t>(sum) : sum;
  const std::int64_t part = (size & ((INT64_C(1) << bits) - 1)) << (30 - bits);
  std::int64_t power = 0;
  for (int i = 0; i < 6; ++i) power = exp2_terms[i] + ((power * part) >> 30);
  const std::int64_t whole = size >> bits;
  const std::uint32_t scale = static_cast<std::uint32_t>(127 - 23 - (whole < 100 ? whole : 100)) << 23;
  float factor;
  std::memcpy(&factor, &scale, sizeof factor);
  const float small = static_cast<float>(power >> 7) * factor;
  return (sum < 0 ? small : 1.0f) / (1.0f + small);
}
