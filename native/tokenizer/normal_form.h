// Unicode's normal form C: characters that can be written in several ways get one.
#pragma once

#include <string>
#include <string_view>

namespace ettin::tokenizer {

// Whether a text surely is in normal form C already.
bool surely_composed(std::string_view text);

std::string compose(std::string_view text);

}  // namespace ettin::tokenizer
