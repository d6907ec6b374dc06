// Colours for new classes, told apart by people with any colour vision (Okabe and Ito's set, and darker turns of it).

export const LATIN = [
  [86, 180, 233], [230, 159, 0], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
  [120, 120, 120], [43, 90, 116], [115, 80, 0], [0, 79, 58], [120, 114, 33],
];

// [r, g, b] as an input of colours has it, and back
export const toHex = (colour) => `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
export const fromHex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
