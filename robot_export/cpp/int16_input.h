// The patch as the first convolution wants it: raw * 32 + shift, clamped. Tile X of a row needs the columns 2X-1, 2X,
// 2X+1, 2X+2 and the rows likewise: [channel][column 0..3][row parity][row pair][tile]. Tiles of consecutive rows are
// then consecutive in memory, and vectors of any width load them. Row -1 is the first, so that it is even. What lies
// outside the patch is 0, after scale and mean, as in training.
template <int Side> struct Spread {
  static constexpr int tiles = Side / 2, plane = (tiles + 1) * tiles, channel = 8 * plane;
  static inline int row(int y) { return ((y + 1) & 1) * plane + ((y + 1) >> 1) * tiles; }
};

// After the pixels: what is stored beside its row below is overwritten here.
template <int Side> static inline void clear_outside(std::int16_t* out) {
  typedef Spread<Side> S;
  for (int column = 0; column < 4; ++column) {
    clear(out + column * 2 * S::plane + S::row(-1), S::tiles);
    clear(out + column * 2 * S::plane + S::row(Side), S::tiles);
  }
  for (int y = 0; y < Side; ++y) {
    out[S::row(y)] = 0;
    out[6 * S::plane + S::row(y) + S::tiles - 1] = 0;
  }
}

// The largest whole number that is not above x + 0.5, for |x| <= bound; NaN is taken for -bound.
static inline int rounded(float x, float bound) {
  const float y = (x > -bound ? (x < bound ? x : bound) : -bound) + 0.5f;
  const int whole = static_cast<int>(y);
  return whole - (static_cast<float>(whole) > y ? 1 : 0);
}
static inline int fixed(std::uint8_t pixel) { return pixel * 32; }
static inline int fixed(float pixel) { return rounded(pixel * 32.0f, 65536.0f); }

// Any pixels: `rows` and `columns` are the distances of neighbours in memory.
template <int Side, int Channels, class Pixel>
static inline void spread_pixels(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const int* add,
                                 std::int16_t* out) {
  typedef Spread<Side> S;
  for (int channel = 0; channel < Channels; ++channel, ++patch, out += S::channel) {
    for (int y = 0; y < Side; ++y) {
      std::int16_t* const q = out + S::row(y);
      for (int x = 0; x < Side; ++x) {
        const int wide = fixed(patch[y * rows + x * columns]) + add[channel];
        const int value = wide < lowest ? lowest : wide > highest ? highest : wide;
        const int tile = x / 2;
        q[(2 + 2 * (x & 1)) * S::plane + tile] = static_cast<std::int16_t>(value);
        if ((x & 1) == 0 && tile > 0) q[6 * S::plane + tile - 1] = static_cast<std::int16_t>(value);
        if ((x & 1) == 1 && tile < S::tiles - 1) q[tile + 1] = static_cast<std::int16_t>(value);
      }
    }
    clear_outside<Side>(out);
  }
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
// 16 bytes as 8 int16: those at even and at odd addresses.
BALL_INLINE void split(const std::uint8_t* p, s8& even, s8& odd) {
  s8::wrapping both;
  std::memcpy(&both, p, sizeof both);
  even.v = (s8::native)(both & 0xFF);
  odd.v = (s8::native)(both >> 8);
}

// Pixels of eight tiles of row y: their left or their right column.
template <int Side> BALL_INLINE void put(std::int16_t* out, int y, int tile, int right, s8 pixels, int add) {
  typedef Spread<Side> S;
  std::int16_t* const q = out + S::row(y) + tile;
  s8 a = s8{pixels.v << 5} + s8::all(static_cast<std::int16_t>(add));
  a = larger(smaller(a, s8::all(highest)), s8::all(lowest));
  store(q + (right ? 4 : 2) * S::plane, a);
  store(right ? q + 1 : q + 6 * S::plane - 1, a);
}

template <int Side, int Channels>
BALL_INLINE void spread_row(const std::uint8_t* p, int y, const int* add, std::int16_t* out) {
  for (int tile = 0; tile < Side / 2; tile += 8, p += 16 * Channels) {
    s8 a, b, c, d;
    split(p, a, b);
    if (Channels == 2) {  // a and c are Y of 16 pixels, b and d their U and V
      split(p + 16, c, d);
      const w4::native y0 = (w4::native)a.v, y1 = (w4::native)c.v, u0 = (w4::native)b.v, u1 = (w4::native)d.v;
      std::int16_t* const second = out + Spread<Side>::channel;
      put<Side>(second, y, tile, 0, narrow(w4{u0 & 0xFFFF}, w4{u1 & 0xFFFF}), add[1]);
      put<Side>(second, y, tile, 1, narrow(w4{u0 >> 16}, w4{u1 >> 16}), add[1]);
      a = narrow(w4{y0 & 0xFFFF}, w4{y1 & 0xFFFF});
      b = narrow(w4{y0 >> 16}, w4{y1 >> 16});
    }
    put<Side>(out, y, tile, 0, a, add[0]);
    put<Side>(out, y, tile, 1, b, add[0]);
  }
}

template <int Side, int Channels>
static inline void spread_rows(const std::uint8_t* patch, std::ptrdiff_t rows, const int* add, std::int16_t* out) {
  for (int y = 0; y < Side; y += 2) {
    spread_row<Side, Channels>(patch + y * rows, y, add, out);
    spread_row<Side, Channels>(patch + (y + 1) * rows, y + 1, add, out);
  }
  for (int channel = 0; channel < Channels; ++channel) clear_outside<Side>(out + channel * Spread<Side>::channel);
}

template <int Side, int Channels>
BALL_INLINE void spread_patch(const std::uint8_t* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const int* add,
                              std::int16_t* out) {
  if (columns == Channels) return spread_rows<Side, Channels>(patch, rows, add, out);
  std::uint8_t together[height * width * channels], *q = together;
  for (int y = 0; y < Side; ++y) {
    const std::uint8_t* p = patch + y * rows;
    for (int x = 0; x < Side; ++x, p += columns) {
      for (int channel = 0; channel < Channels; ++channel) *q++ = p[channel];
    }
  }
  spread_rows<Side, Channels>(together, Side * Channels, add, out);
}
#endif

template <int Side, int Channels, class Pixel>
BALL_INLINE void spread_patch(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const int* add,
                              std::int16_t* out) {
  spread_pixels<Side, Channels>(patch, rows, columns, add, out);
}

template <int Side, int Channels, class Pixel>
BALL_INLINE void spread(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float brightness,
                        std::int16_t* out) {
  int add[2] = {0, 0};  // of at most two channels
  for (int channel = 0; channel < Channels; ++channel) add[channel] = shift[channel];
  add[0] += (rounded(brightness * 4096.0f, 16384.0f) * (255 * 32) + 2048) >> 12;  // a matter of Y
  if (add[0] > 24000) add[0] = 24000;  // all pixels are clamped then, and the sum is an int16
  if (add[0] < -24000) add[0] = -24000;
  spread_patch<Side, Channels>(patch, rows, columns, add, out);
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
