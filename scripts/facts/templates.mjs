// How a row of a table becomes a passage and questions: for each table the name of its subject, ways to write the
// passage, and groups of questions. A group asks one thing in several ways; `answers` says what the passage replies.

const first = (text) => text[0].toUpperCase() + text.slice(1);
const a = (noun) => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
const place = (where) => (/^(between|on|near) /.test(where) ? where : `in ${where}`);
const year = (when) => (/^(around|in) /.test(when) ? when : `in ${when}`);
const asked = (ways, answers) => ({ ways, answers });

const country = {
  subject: ({ name }) => name,
  passages: ({ name, capital, region, currency, language, remark }) => [
    `${first(name)} is a country in ${region}. Its capital is ${capital}, and its money is the ${currency}. People there speak ${language}. ${remark}`,
    `The capital of ${name} is ${capital}. The country lies in ${region}. Its official language is ${language}, and people pay with the ${currency}. ${remark}`,
    `People in ${name} speak ${language} and pay with the ${currency}. The country is in ${region}, and ${capital} is its capital. ${remark}`,
  ],
  questions: ({ name, capital, region, currency, language }) => [
    asked(
      [
        `What is the capital of ${name}?`,
        `Which city is the capital of ${name}?`,
        `capital of ${name}`,
        `Name the capital of ${name}.`,
      ],
      capital,
    ),
    asked([`Which country has ${capital} as its capital?`, `${capital} is the capital of which country?`], name),
    asked(
      [
        `What money do people use in ${name}?`,
        `What is the currency of ${name}?`,
        `With what do people pay in ${name}?`,
      ],
      currency,
    ),
    asked(
      [
        `Which language do people speak in ${name}?`,
        `What is the official language of ${name}?`,
        `language of ${name}`,
      ],
      language,
    ),
    asked([`Where is ${name}?`, `In which part of the world is ${name}?`], region),
  ],
};

const element = {
  subject: ({ name }) => name,
  passages: ({ name, symbol, number, kind, discovery, use }) => [
    `${first(name)} is ${kind} with the symbol ${symbol} and the atomic number ${number}. ${discovery}. ${use}.`,
    `The element with the symbol ${symbol} and ${number} protons is ${name}, ${kind}. ${use}. ${discovery}.`,
    `${first(name)}, ${symbol} for short, is element number ${number}. It is ${kind}. ${discovery}. ${use}.`,
  ],
  questions: ({ name, symbol, number, kind, discovery, use }) => [
    asked(
      [`What is the chemical symbol of ${name}?`, `symbol of ${name}`, `How is ${name} written in formulas?`],
      symbol,
    ),
    asked([`What is the atomic number of ${name}?`, `How many protons has ${name}?`], number),
    asked([`Which element has the symbol ${symbol}?`, `Which element is written ${symbol}?`], name),
    asked(
      [`Since when is ${name} known?`, `What is known about the discovery of ${name}?`, `Who discovered ${name}?`],
      discovery,
    ),
    asked([`What is ${name} used for?`, `What is remarkable about ${name}?`, `use of ${name}`], use),
    asked([`What kind of element is ${name}?`], kind),
  ],
};

const animal = {
  subject: ({ one }) => one,
  passages: ({ one, kind, home, food, remark }) => [
    `The ${one} is ${a(kind)}. It lives ${home} and eats ${food}. ${remark}`,
    `${first(a(one))} feeds on ${food}. This ${kind} lives ${home}. ${remark}`,
    `The ${one}, ${a(kind)}, lives ${home}. Its food is ${food}. ${remark}`,
  ],
  questions: ({ one, many, kind, home, food, question, answer }) => [
    asked([question], answer),
    asked([`Where do ${many} live?`, `Where does the ${one} live?`, `home of the ${one}`], home),
    asked([`What do ${many} eat?`, `What does ${a(one)} feed on?`], food),
    asked([`What kind of animal is the ${one}?`], kind),
  ],
};

const invention = {
  subject: ({ thing }) => thing,
  passages: ({ thing, inventor, year: when, land, purpose }) => [
    `${first(inventor)} invented ${thing} in ${land} in the year ${when}. ${purpose}.`,
    `In ${when} ${inventor} came up with ${thing}, in ${land}. ${purpose}.`,
    `We owe ${thing} to ${inventor}. ${purpose}. That was in ${land}, in the year ${when}.`,
  ],
  questions: ({ thing, inventor, year: when, land }) => [
    asked([`Who invented ${thing}?`, `Whose invention is ${thing}?`, `inventor of ${thing}`], inventor),
    asked([`What did ${inventor} invent?`, `For what is ${inventor} known?`], thing),
    asked([`When did ${inventor} invent ${thing}?`, `In which year did ${inventor} come up with ${thing}?`], when),
    asked([`In which country did ${inventor} work on ${thing}?`], land),
  ],
};

/** Composers, painters, writers. */
const artist = (noun, did, doing) => ({
  subject: ({ name }) => name,
  passages: ({ name, born, died, land, work, other, remark }) => [
    `${name} was ${a(noun)} from ${land}, born ${year(born)}, who died ${year(died)}. Among the works are ${work} and ${other}. ${remark}.`,
    `It was ${name} who ${did} ${work} and ${other}. This ${noun} came from ${land}, was born ${year(born)} and died ${year(died)}. ${remark}.`,
    `${name} ${did} ${work}. Another work of this ${noun} from ${land}, who was born ${year(born)} and died ${year(died)}, is ${other}. ${remark}.`,
  ],
  questions: ({ name, born, land, work, other }) => [
    asked([`Who ${did} ${work}?`, `Which ${noun} ${did} ${work}?`, `By whom is ${work}?`], name),
    asked([`Who ${did} ${other}?`, `Whose work is ${other}?`], name),
    asked([`When was ${name} born?`, `In which year was the ${noun} ${name} born?`], born),
    asked([`From which country did ${name} come?`, `Where did the ${noun} ${name} come from?`], land),
    asked([`What did ${name} ${doing}?`, `Name a work of ${name}.`], work),
  ],
});

const scientist = {
  subject: ({ name }) => name,
  passages: ({ name, born, died, land, field, deed, remark }) => [
    `${name} came from ${land} and worked in ${field}. Born ${year(born)}, this scholar ${deed} and died ${year(died)}. ${remark}.`,
    `It was ${name}, from ${land}, who ${deed}. The field was ${field}; birth was ${year(born)}, death ${year(died)}. ${remark}.`,
    `A name that stands for ${field} is ${name}, who ${deed}. Born ${year(born)} in ${land}, this scholar died ${year(died)}. ${remark}.`,
  ],
  questions: ({ name, born, land, field, deed }) => [
    asked([`Who ${deed}?`, `Which scholar ${deed}?`], name),
    asked([`In which field did ${name} work?`, `What was the science of ${name}?`], field),
    asked([`When was ${name} born?`, `In which year was ${name} born?`], born),
    asked([`What is ${name} known for?`, `Why is ${name} famous?`], deed),
    asked([`From where did ${name} come?`, `What was the homeland of ${name}?`], land),
  ],
};

const howMuch = (size) => /long|high|deep|large|wide/.exec(size)?.[0] ?? "big";
const site = {
  subject: ({ name }) => name,
  passages: ({ name, kind, where, size, remark }) => [
    `${first(name)} ${kind.startsWith("a group") ? "are" : "is"} ${kind} ${place(where)}, ${size}. ${remark}.`,
    `${first(kind)} ${place(where)} that many people know is ${name}, ${size}. ${remark}.`,
  ],
  questions: ({ name, kind, where, size, question, answer }) => [
    asked([question], answer),
    asked([`Where is ${name}?`, `In which part of the world is ${name}?`, `place of ${name}`], where),
    asked([`How ${howMuch(size)} is ${name}?`], size),
    asked([`What is ${name}?`], kind),
  ],
};

const NOUNS = { god: "figure of myth", space: "thing in space", sport: "game or sport", language: "computer language" };
const things = {
  subject: ({ name }) => name,
  passages: ({ name, what, remark, detail }) => {
    const is = name === "pierogi" || name === "the timpani" ? "are" : "is";
    return [
      `${first(name)} ${is} ${what}. ${remark}. ${detail}.`,
      `${first(name)} ${is} ${what}. ${detail}. ${remark}.`,
      `${first(what)}: that ${is} ${name}. ${remark}. ${detail}.`,
    ];
  },
  questions: ({ kind, name, what, remark, question, answer }) => [
    asked([question], answer),
    asked([`What is ${name}?`, `${first(name)}: what is that?`], what),
    asked([`Which ${NOUNS[kind] ?? kind} is ${what}?`], name),
    asked([`Tell me something about ${name}.`, `What do people tell about ${name}?`], remark),
  ],
};

/** Every table with its templates, in the order of the passages. */
export const TEMPLATES = {
  countries: country,
  elements: element,
  animals: animal,
  inventions: invention,
  composers: artist("composer", "composed", "compose"),
  writers: artist("writer", "wrote", "write"),
  painters: artist("painter", "made", "paint"),
  scientists: scientist,
  places: site,
  things,
};
