// The patch in the layout of the first convolution. Tile X of a row needs the columns 2X-1, 2X, 2X+1, 2X+2 and the rows
// likewise, so there are four arrays per channel, one for each of these columns, with even and odd rows apart:
// [channel][column 0..3][row parity][row pair][tile]. Tiles of consecutive rows are then consecutive in memory, and
// vectors of any width load them. Row -1 is the first, so that it is even. What lies outside the patch is 0, after
// scale and mean, as in training.
template <int Side> struct Spread {
  static constexpr int tiles = Side / 2, plane = (tiles + 1) * tiles, channel = 8 * plane;
  static inline int row(int y) { return ((y + 1) & 1) * plane + ((y + 1) >> 1) * tiles; }
};

// Call it after the pixels are stored: it overwrites what the functions below store beside a row.
template <int Side> static inline void clear_outside(Number* out) {
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

// Pixels in any layout: `rows` and `columns` are the distances between neighbours, `add` the shifts of the channels.
template <int Side, int Channels, class Pixel>
BALL_INLINE void spread_patch(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const Sum* add,
                              Number* out) {
  typedef Spread<Side> S;
  for (int channel = 0; channel < Channels; ++channel, ++patch, out += S::channel) {
    for (int y = 0; y < Side; ++y) {
      const Pixel* p = patch + y * rows;
      Number* const q = out + S::row(y);
      for (int x = 0; x < S::tiles; ++x, p += 2 * columns) {
        const Number left = number(p[0], add[channel]), right = number(p[columns], add[channel]);
        q[2 * S::plane + x] = left;
        if (x > 0) q[6 * S::plane + x - 1] = left;
        q[4 * S::plane + x] = right;
        if (x < S::tiles - 1) q[x + 1] = right;
      }
    }
    clear_outside<Side>(out);
  }
}

#if defined(BALL_BYTES)
// Rows of bytes: as many tiles at once as a vector has lanes.
template <int Side, int Channels>
static inline void spread_rows(const std::uint8_t* patch, std::ptrdiff_t rows, const Sum* add, Number* out) {
  typedef Spread<Side> S;
  for (int pair = 0; pair < Side; pair += 2) {
    for (int y = pair; y < pair + 2; ++y) {  // so that the compiler knows which row is even
      for (int x = 0; x < S::tiles; x += lanes) {
        Vector left[2], right[2];
        columns_of_tiles<Channels>(patch + y * rows + 2 * x * Channels, add, left, right);
        for (int channel = 0; channel < Channels; ++channel) {
          Number* const q = out + channel * S::channel + S::row(y) + x;
          store(q + 2 * S::plane, left[channel]);
          std::memcpy(q + 6 * S::plane - 1, &left[channel], sizeof(Vector));
          store(q + 4 * S::plane, right[channel]);
          std::memcpy(q + 1, &right[channel], sizeof(Vector));
        }
      }
    }
  }
  for (int channel = 0; channel < Channels; ++channel) clear_outside<Side>(out + channel * S::channel);
}

// Alternates the bytes of a and b.
#if defined(__SSE2__)
typedef __m128i bytes;
BALL_INLINE void zip(bytes a, bytes b, bytes& low, bytes& high) {
  low = _mm_unpacklo_epi8(a, b);
  high = _mm_unpackhi_epi8(a, b);
}
#else
typedef uint8x16_t bytes;
BALL_INLINE void zip(bytes a, bytes b, bytes& low, bytes& high) {
  low = vzip1q_u8(a, b);
  high = vzip2q_u8(a, b);
}
#endif

// Transposes blocks of 16x16 bytes.
template <int Side> static inline void turn(const std::uint8_t* patch, std::ptrdiff_t columns, std::uint8_t* out) {
  for (int x = 0; x < Side; x += 16) {
    for (int y = 0; y < Side; y += 16) {
      bytes a[16], b[16];
      for (int i = 0; i < 16; ++i) std::memcpy(&a[i], patch + (x + i) * columns + y, 16);
      for (int round = 0; round < 2; ++round) {  // each step moves one bit of the column's number to the row's
        for (int i = 0; i < 8; ++i) zip(a[i], a[i + 8], b[2 * i], b[2 * i + 1]);
        for (int i = 0; i < 8; ++i) zip(b[i], b[i + 8], a[2 * i], a[2 * i + 1]);
      }
      for (int i = 0; i < 16; ++i) std::memcpy(out + (y + i) * Side + x, &a[i], 16);
    }
  }
}

template <int Side, int Channels>
BALL_INLINE void spread_patch(const std::uint8_t* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const Sum* add,
                              Number* out) {
  if (columns == Channels) return spread_rows<Side, Channels>(patch, rows, add, out);
  alignas(16) std::uint8_t together[height * width * channels];
  if (Channels == 1 && rows == 1) {
    turn<Side>(patch, columns, together);
  } else {
    std::uint8_t* q = together;
    for (int y = 0; y < Side; ++y) {
      const std::uint8_t* p = patch + y * rows;
      for (int x = 0; x < Side; ++x, p += columns) {
        for (int channel = 0; channel < Channels; ++channel) *q++ = p[channel];
      }
    }
  }
  spread_rows<Side, Channels>(together, Side * Channels, add, out);
}
#endif

template <int Side, int Channels, class Pixel>
BALL_INLINE void spread(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float brightness, Number* out) {
  Sum add[2];  // of at most two channels
  for (int channel = 0; channel < Channels; ++channel) add[channel] = shift[channel];
  add[0] = lighter(add[0], brightness);  // only Y becomes brighter
  spread_patch<Side, Channels>(patch, rows, columns, add, out);
}
