// Computes the test patches of model.json and compares with what the trained network answered.
// Raw bytes 0..255 go in, scale and mean are inside; a caller who subtracts a mean before predict does it twice.
// Call it once at start-up: it fails where a build breaks the arithmetic, as -ffast-math may.
// Returns whether every number lies within 1e-5, relative where it is above 1.
// worst: where to put the largest difference, or null.
static inline bool self_test(float* worst = nullptr) {
  float largest = 0.0f;
  bool right = true;
  for (int i = 0; i < test_count; ++i) {
    float found[outputs];
    detail::numbers(predict(test_patches + i * height * width * channels), found);
    for (int k = 0; k < outputs; ++k) {
      const float wanted = test_answers[i * outputs + k], difference = std::fabs(found[k] - wanted);
      if (!(difference <= 1e-5f * (std::fabs(wanted) > 1.0f ? std::fabs(wanted) : 1.0f))) right = false;
      if (!(difference <= largest)) largest = difference;
    }
  }
  if (worst != nullptr) *worst = largest;
  return right;
}
