/** A WAV file of 16 bits; its samples go from -1 to 1, one of each channel after the other. */
export function wav(
  samples: readonly number[],
  { rate = 16_000, channels = 1 }: { readonly rate?: number; readonly channels?: number } = {},
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(file.buffer);
  const text = (at: number, value: string) =>
    [...value].forEach((char, index) => file[at + index] = char.charCodeAt(0));
  text(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate * channels, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, index) =>
    view.setInt16(44 + 2 * index, Math.round(32_767 * value), true)
  );
  return file;
}

/** A tone. */
export function tone(
  hertz: number,
  seconds: number,
  { rate = 16_000 }: { readonly rate?: number } = {},
): number[] {
  return Array.from(
    { length: Math.round(seconds * rate) },
    (_, at) => 0.5 * Math.sin(2 * Math.PI * hertz * at / rate),
  );
}

/**
 * MP3 files that LAME has written: tones of one frequency, or of one in each channel, of half the loudness. Only the
 * one of two channels says how much silence its encoder has added.
 */
export const SOUNDS = {
  /** 440 Hz for 0.2 s at 16 000 Hz, MPEG-2. */
  mono: Uint8Array.fromBase64(
    "//NIxAAcUI6MFVgwACVa9U6p1TqnVOqdd7E2vrCImFyE6GjgE5tic4m0poEYAFmC8CgjEHIhyWEyYDAYDCyaYOAgCAIOg+D/KO" +
      "nOnznL+c5f3dPuygJg+9YfBAMSgDB/Jgg7Ln+7lwfB8Hw+CAIAgCADB8HwfD4IAgCDkicH1cAiXbAIBQKBQKBwOA0pQL////NI" +
      "xBEhc3bZv5qgAuVVf38tZCAhAiJHGSrSDM4DxIN4Q+EDIPQREycAxlILHi6KSEFhBYgP+MyMqTRFiBf+Q0c0ZUmiLEC//KJFSK" +
      "mReJox//y6XTIvF5FExV//+kktFFSSS0Uf///5eLyy6ipJJaLUv////+rXpLoqSMkUTFJIyf//9P4wA8AMMAXAJhkA//NIxA4e" +
      "sUIcAd9oABw4AsMCBAmjA1wcAwikCkMIqDPzFkDgU4vwtmPjJO8DKTyuQxwoV/MS2IpzAWw+swfYDPMCAAUxGAcGAVgBBdoQAB" +
      "YCOGFHqe3+3801/1fX63+9Zpp/4rhn83p//q/UfTc3733pV/d2K13+qGH///lSgphYMZANmaI5m7caFVmAygjh//NIxBYYsMIk" +
      "AN/oaIF4EWmDpjKhlOn9gayaQlGDCA8JgaoDgYUYGjmCHgm5gd4CQB0CoGfAAMEQ2IWwhhMmXf/+f+zb9xD/8js+r//6v7+34z" +
      "pV/9nV76ph///4mkICg8aGRETmNMRqdaYE4CUGCPhHJhOAx8Zh/6RGzoELxhoYXKYOSDpmFaB/RgjYKYYG//NIxDYY2MIkAN/o" +
      "aOgIoHGIABMwFBAWzDVAuQg5cf+v/PXdnq8R//pyH1I//+76//V0qd+/sXp/Var9f/sZMAJADTAEQBswBAB4MC9ALTAYgIYwNI" +
      "GGMGmAQzCqw88xhM4xOItEKT53jvoyOYTKMFwEUjE1iPAwEYQmMJOBADAjgFgRgIpgHIAmYAOABv0K//NIxFUggr4cAV9QAKAT" +
      "BvL1+v+X3/o/p6N98v9/6/+p3u3/7fX///+mv/+WuIK+pFF6P/VbuRo2FyggAY7p9Ph8PR8LQx/DDAIQiaqyzvhsOAzAw0GA4U" +
      "AzAho+g7LDca6Tuw6YQTImgAzYCIAvYAYsA6oFQO1gNiggSApcG5YZCCyoL0jGvfAqgArgCBBb//NIxFYyYuqlv5uYAJAUWI9E" +
      "ZEOGaGdbfDA4ekFlAfgIVC6sokFH0ZEWKP8UOLmD1BdDhEfjVWXSwovHV/8dwnQdQ7RcZDSSGYIEiqkuir/+Sw55FSTIIRYkCL" +
      "k6SZFCeSTotU9bf/+aJmpugbGiZqboHzRM9+r/y6TgDScAaWDaBUu+2hK5DkOUUZtL6XFv//NIxA8U2H4EH88YACCi4o1TFuOq" +
      "dhVz6NKrVbFhK4TAIUHRKGxKCsGoNPWdlZbzv1B3iVyqganfyM7u/rDUqdUDURW1neIn/0/4if//qeWyVUxBTUUzLjEwMFVVVV" +
      "VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV",
  ),
  /** 440 and 1 000 Hz for 0.15 s at 44 100 Hz, MPEG-1. */
  stereo: Uint8Array.fromBase64(
    "//tQZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAASW5mbwAAAA8AAAAHAAAGhgAkJCQkJCQkJCQkJCQkJElJSUlJSU" +
      "lJSUlJSUlJbW1tbW1tbW1tbW1tbW2SkpKSkpKSkpKSkpKSkpK2tra2tra2tra2tra2ttvb29vb29vb29vb29vb////////////" +
      "//////8AAAA5TEFNRTMuMTAwAW4AAAAAAAAAABRAJANpTgAAQAAABoZBSwvuAAAAAAAAAAAAAAAAAAAAAP/7UEQAAAEvBVnVGC" +
      "AMJqALzaCEAYVoRYO40oAQngirgzRwAAAArTgkbAJkyemAgAABCwfB8/BAEAQ1g/yjuT/+/lPP8p5/o9/QikSAnHMLZAAfB8H3" +
      "oLg+D590EDji4PvyhzLg+H//f0ef5T39Hv6AAANtQMBgMBgAAAAAAFDVH6ZFGQJGgkQWopUoiHfAESD34eBU71A0JfnQafZh3/" +
      "/oJi9vjoj0dzrLkThG9kh2UjJwhAb4LR4bfjYFTvUDQl+dBpUAAAAJcAAAAHBcECD/+1JEBgvRSAnP93QgCCqBacPusAEEfCc2" +
      "jHsCYLKFo8G/6UQCkoIwGNh8JNLinMSgnMFAJBIBFkgUATXu+7tmshgAAAP//wbVCaAgFSRCgEmEAomQBCmQX1nIiRGJIHgoJQ" +
      "QAK1A4Bkuv/oHwEbWELLnDBgjhCmTMlWZK4QpgkAPHVoBCWUAsVTyzOMU9Jh//6sgKQSzxgQWYeHGSlRniqcXyGETJFZrggVwY" +
      "I0BGnZYGcDpBMxVMy2Xf6AACAEAAAAMGEMIPMekNVfMIEVAz3v/7UkQKi/FlCMtTXsiYL8Fo0G/7UQTMJS6M+yJouIWjgZ/tCK" +
      "2jPFFIMHQE0ywi/pnkG1WBlXWs2uf/T//oqAhigOFQ4ADZiY0ZuXGyJJ8NsYbQdCnH4BExg5ADSc6NB0SCi8QgaHzAYa/yIsAc" +
      "guWZyB49mEgHQaGr0RoNB1GEmCKe0xoLGamZmBZCH8I3SU47//RYCJRSwUOJgUw4TAEBSkQMsYZICcHCcAC4YGkA8jAUAY2EgU" +
      "FRAZ/Qf6f/0gEAAYUImHjhjR2Z7DGFMOSa//tSRAiL0UMIyit+yJgs4WkSa/pRBMwlLoz7ImishaQBv+lGbfNZpcDfmEuDgaSI" +
      "CCN5M7fDXCZrPWekAAH/+lHgcHSMQRqNFYE0go+d8wfQksNUYBUzBAADo6ZM0AYxYMuGoA7dJ/tFgDjltDPPPLgwkw3zRMdTND" +
      "EOEwlgQj3nNFcykjLzLLw5nGKekE//+o8EG6EguWrwVAzGDY2fFMHOQYjTrgnEwO4B+OaxNAWMeLLJooMvln+iAQABiIsYkTmQ" +
      "pBolCYFyELGKnIYhilb/+1JEC4vxXQjJq3/QmC0haPBz+lAFDCUsjPtCaMOFo0HP6UAQYYFIBFmTNAIaaksbiKZ4Kr6W2uf/+3" +
      "YSMZegWB4cDQQHQIXjHsfMFGWxDOSg28wKQC6NnNMsiMaRAwMvwveQf6BYA0wFBmsgf/5hYB7GoC/4acQfBhZgmnEXGWPGRNmO" +
      "fAAE/dSNyinHf//aKyaTBUMFRhwFmHB+YNSgIzIEfcDBdBMcEAhQV4gBoYcuDhY8MULfL///////6jFh8xkwMmWTTb4wMoJzMX" +
      "JTdf/7UkQJC1FICMkDf9CYLYFo8Gf6QwR8J0HVwIAot4Wm6rzwBDFoAmUwLUCmMknAR42hs48w1IhSMWs9//9u4nEGAgJI0izc" +
      "vMAlAajATASUwT1b4M2NDdzAmwLo0kkCmkP1vpmr+kP+kZkAuummGDAkYWIx5zxna06ZHFYGGYXAoCAYCAbK7fYYsUgBBAAwA/" +
      "/zrsvLVr+LqGASAGIwJDCEDMMNBEY0oxTzEhCfMDkA9C4ugK4pUPVf+mqXCBEgaZdNWzJqy5wxMKDeVTjimnmY//tSZAsAAXAU" +
      "VwZpQAAxwcvNzbAAhcxW6BzDAABeg91DhjABDs+w2NzAFhB94XBAT/yQlJneCwuz58yawEApGYzGY0AAAAAAAASGMeyuPt/laG" +
      "tiBn2/zvjkSAGnXf8GC8xYmcc1slTNmtN4VFCsDYRnxxBqTaEoQQIiK4OQNiclEEKNI4cSSc0kSS2ZlqY5LZRkRDHgq4Gfy071" +
      "qAiSDAQqhQwEKNQEkMCkoLCBXZe4F4d2TEFNRTMuMTAwqqqqqqqqqqqqqqqqqqqqqqqqqqo=",
  ),
  /** 300 Hz for 0.25 s at 8 000 Hz, MPEG-2.5. */
  low: Uint8Array.fromBase64(
    "/+MoxAAcqHKwf08AAA7bbtuAA/fv379+/j3iPHjx481feFISgQgNQIYOA6GS4nB8Hz8QBjWD5/KBijw/wI7KA/rBw5kAf4EOaA" +
      "f4EdBAEAfB8HwfBwEAQBAEAfB8HwfBwEAQBAMA+D4Pg+BAQBByAfB/R7//B8HwICAIBiPB8PoIABzoQYUDAcBpS7kEy0f//+Mo" +
      "xBAhEyqmOZtQAV///l1TBhMwVqNVY7uw4PE/bHo45mhoRoxaDQgwcCMBAjPQHf+Zmm//hJAZAVEEDcDd/+IEG0G0VhFCKIR7//" +
      "4XJEIoRRCPR6RD4ff//5CIkRJEPh8Qj0ekQ+H3///5CPR6cPiZTTUOdTf////ad01zlUhCqu2o2xyhzg9IEgDcBILy/+MoxA4f" +
      "TDIcAdcoAAYGkCegYR8FcgYOsAzgYFQGDgYzoQtgY/8V2geFxwkgapuD6AYksGHgYOgEigYQYA6gYGeBbAYDkA7gYBGA/AYCWA" +
      "HAMABVH//6//4m3//+3//+gM//////9Nf/8n/tq//9/2///0Ff/6////+KdVXW/UaGZeGUAcABAYAkAAAGAUQG/+MoxBMdwbYk" +
      "AVcQAAGwGABgTwFWBgsIH+BgwgSQBg2QUKBiiYd2Brdf2YBj3RhUBkKAiwBhTwPMBgSgFuBgUYBWBgCYC2BgH4AoBgHQBEBgCA" +
      "AEm///3//hX///////H///7v3/k//Z/1H/2f/19uoACJMFgwGGGV5qKPYnSisnqX1rZ6xl0OGCJh4xWFgA/+MoxB8jwoKlsZto" +
      "AMFETJ04zsErQDVsmMAiSEN6AQCWdXgu99q1+qXDpTKaCYOYAtQkQF0HcKgjX01M2yyAJ0MkRkahPy+Rv933+QhLh2jsMCGUB6" +
      "kkT////OmhuXjE4cTNDVI7////mKAPAsDYYBkJf/+HwEFThoJNMhVFD1EuZy+j0mS4ooV0DKGCqA4g/+MoxBMbEQGsAc8wADML" +
      "EkxCR6idHVHP0uKpUxpOBzHVHTpoqGimOU0TpiJ40lU2oazZr7WtbnAxLSIBRYkingqGgaCobEqg6sGjwKjDwiWGlAqdBoed9V" +
      "H/yU9/////w0o9/6nlVUxBTUUzLjEwMFVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV",
  ),
} as const;
