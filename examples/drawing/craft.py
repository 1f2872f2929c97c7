"""Metronome, laptop, menorah, windsor chair and ceiling fan."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur
from drawing.colour import Array, blend, hexed, rgb, tinted
from drawing.scenery import gold, studio, wood
from drawing.shapes import Point, smooth_curve


def metronome() -> Image.Image:
    """A mahogany metronome, its pendulum swung to the right, on a pale ground."""
    c = Canvas(230, 310, seed=51)
    studio(c, (0.93, 0.90, 0.84), (0.84, 0.80, 0.73))
    timber = wood(c, hexed("571a0c"), hexed("9c3d1c"), turn=84)
    front = "88,38 134,38 180,276 46,276"
    flank = "134,38 142,36 200,262 180,276"
    base = "38,276 182,276 204,260 206,274 184,292 38,292"
    c.shadow(c.polygon(front, flank, base), 12, 7, 8, 0.55)
    c.relief(c.polygon(flank), timber * 0.55, 2, 0.4, 0.1)
    c.relief(c.polygon(base), timber * 0.75, 4, 0.8, 0.4)
    c.relief(c.polygon(front), timber, 3, 0.8, 0.35)
    slot = c.polygon("97,54 125,54 143,196 83,196")
    c.paint(slot, hexed("1c0a05"))
    c.paint(blur(slot, 2) * slot, hexed("2a1008"), 0.7)
    scale = c.polygon("104,60 118,60 123,190 101,190")
    c.paint(scale, tinted(hexed("d9c79a"), 1 + 0.05 * c.noise(8, 3)))
    for k in range(20):
        y, reach = 66 + k * 6.1, 5 + 3 * (k % 2)
        c.paint(c.stroke([(110 - reach, y), (110 + reach, y)], 1.1), (0.15, 0.12, 0.1))
    rod = c.stroke("111,200 152,34", 3)
    bob = c.polygon("129,84 147,88 142,108 128,104")
    c.shadow(np.maximum(rod, bob), 4, 4, 2.5, 0.5)
    c.relief(rod, (0.75, 0.75, 0.76), 1.5, 1, 0.6)
    c.relief(bob, hexed("c9a040"), 4, 1, 0.6)
    c.relief(c.polygon("84,196 142,196 157,274 68,274"), timber * 1.12, 3, 0.8, 0.35)
    plate = c.ellipse(112, 236, 17, 12)
    c.relief(plate, gold(np.full(c.shape, 0.62, np.float32)), 4, 0.7, 0.5)
    c.relief(c.polygon("84,38 98,20 126,20 142,36 134,40"), timber * 1.05, 4, 0.8, 0.4)
    key = c.stroke("192,200 206,196", 4)
    c.relief(np.maximum(key, c.ellipse(210, 195, 5, 9)), hexed("b98d2e"), 3, 1, 0.6)
    for x in (52, 176):
        c.relief(c.ellipse(x, 295, 9, 5), hexed("c9a040"), 3, 1, 0.5)
    return c.photo(grain=0.013, soft=0.3)


def laptop() -> Image.Image:
    """An open grey laptop seen from the front, a blue desktop on its screen, on white."""
    c = Canvas(330, 280, seed=52)
    studio(c, (0.98, 0.98, 0.98), (0.90, 0.90, 0.91))
    lid = "70,18 268,18 276,168 60,168"
    deck = "60,168 276,168 316,244 20,244"
    lip = "20,244 316,244 314,258 24,258"
    c.shadow(c.polygon(deck, lip), 4, 9, 7, 0.55)
    plastic = tinted((0.33, 0.34, 0.37), 1 + 0.03 * c.noise(2, 2))
    c.relief(c.polygon(lid), plastic * 0.8, 4, 0.6, 0.3)
    screen = c.polygon("84,31 255,31 261,152 76,152")
    swirl = 0.5 + 0.22 * c.noise(90, 2) + 0.15 * np.sin((c.x + c.y) / 40)
    sky = blend(hexed("12337c"), hexed("6fb0ea"), swirl)
    c.paint(screen, sky)
    pane = c.polygon("112,50 226,50 228,124 110,124")
    c.paint(pane, (0.95, 0.95, 0.96))
    c.paint(c.polygon("112,50 226,50 226,58 112,58"), hexed("2a5bd0"))
    for k in range(8):
        line = [(118, 66 + 7 * k), (118 + 60 + 40 * ((k * 0.618) % 1), 66 + 7 * k)]
        c.paint(c.stroke(line, 2), (0.45, 0.46, 0.5))
    c.paint(c.polygon("77,145 260,145 261,152 76,152"), hexed("1e4fb8"))
    c.rgb += (0.10 * screen * np.clip((220 - c.x - c.y) / 120, 0, 1))[..., None]
    c.relief(c.polygon(deck), plastic * 1.25, 3, 0.5, 0.2)
    _keys(c)
    pad = c.polygon("130,221 206,221 210,238 126,238")
    c.relief(pad, plastic * 0.95, 2, -0.5, 0.15)
    c.relief(c.polygon(lip), plastic * 0.8, 4, 0.7, 0.3)
    c.relief(c.stroke("84,169 252,169", 6), plastic * 0.5, 3, 1, 0.4)
    return c.photo(grain=0.011, soft=0.3)


def _keys(c: Canvas) -> None:
    for row in range(5):
        y, height = 177 + row * 8.3, 6.6
        left, right = 62 - (y - 168) * 0.48, 274 + (y - 168) * 0.48
        count = 14
        for k in range(count):
            if row == 4 and 4 <= k <= 9 and k != 4:
                continue
            wide = 6 if row == 4 and k == 4 else 1
            x0 = left + (right - left) * k / count + 1
            x1 = left + (right - left) * (k + wide) / count - 1
            key = c.polygon([(x0, y), (x1, y), (x1 + 0.5, y + height), (x0 - 0.5, y + height)])
            c.relief(key, (0.10, 0.10, 0.115), 1.5, 0.8, 0.25)


def menorah() -> Image.Image:
    """A seven-branched brass menorah in front of a dark blue wall."""
    c = Canvas(290, 300, seed=53)
    wall = tinted(hexed("33506b"), 1 + 0.10 * c.noise(110, 5))
    c.rgb[:] = wall * np.clip(1.25 - np.hypot(c.x - 145, c.y - 90) / 300, 0.3, 2)[..., None]
    cx, top = 145, 92
    metal = c.stroke([(cx, top), (cx, 262)], 10)
    for radius in (40, 78, 116):
        a = np.linspace(0, np.pi, 40)
        arc = [(cx + radius * float(np.cos(t)), top + 6 + radius * float(np.sin(t))) for t in a]
        metal = np.maximum(metal, c.stroke([(cx + radius, top), *arc, (cx - radius, top)], 8))
    for radius in (40, 78, 116):
        for angle in (0.5, 1.0):
            for side in (-1, 1):
                knob = (cx + side * radius * np.cos(angle), top + 6 + radius * np.sin(angle))
                metal = np.maximum(metal, c.ellipse(*knob, 7, 7))
    for y, rx in ((132, 10), (170, 10), (208, 11), (232, 12), (250, 14)):
        metal = np.maximum(metal, c.ellipse(cx, y, rx, 7))
    metal = np.maximum(
        metal,
        c.polygon(smooth_curve("136,252 154,252 170,270 205,276 205,288 85,288 85,276 120,270")),
    )
    holders = [cx + k * 38.7 for k in range(-3, 4)]
    for x in holders:
        metal = np.maximum(metal, c.polygon([(x - 10, 76), (x + 10, 76), (x + 5, 94), (x - 5, 94)]))
        metal = np.maximum(metal, c.ellipse(x, 77, 12, 3.5))
    c.shadow(metal, 7, 6, 5, 0.5)
    tone = gold(np.clip(0.55 + 0.06 * c.noise(20, 4), 0, 1).astype(np.float32))
    c.relief(metal, tone, 4.5, 1.3, 0.7, None, 12)
    for x in holders:
        candle = c.polygon([(x - 4, 36), (x + 4, 36), (x + 4, 77), (x - 4, 77)])
        c.relief(candle, (0.93, 0.90, 0.82), 4, 0.9, 0.2)
        halo = np.exp(-((c.x - x) ** 2 + (c.y - 24) ** 2) / 220)[..., None]
        c.rgb += rgb(0.30, 0.19, 0.06) * halo
        flame = c.polygon(smooth_curve([(x, 10), (x + 4, 24), (x, 34), (x - 4, 24)]))
        c.paint(blur(flame, 0.6), (1.0, 0.86, 0.45))
        c.paint(blur(c.ellipse(x, 26, 2, 5), 0.6), (1.0, 0.98, 0.9))
    return c.photo(grain=0.016, soft=0.35, vignette=0.25)


def windsor_chair() -> Image.Image:
    """A bow-back windsor chair in brown wood, on a white studio ground."""
    c = Canvas(240, 310, seed=54)
    studio(c, (0.96, 0.95, 0.94), (0.86, 0.85, 0.83))
    timber = wood(c, hexed("5a2c12"), hexed("9a5a2a"), turn=80)
    seat = c.polygon(
        smooth_curve("58,172 92,164 150,164 184,172 200,190 182,204 120,210 58,204 40,190")
    )
    legs = [
        ((78, 190), (62, 272)),
        ((164, 190), (180, 272)),
        ((64, 200), (40, 296)),
        ((176, 200), (202, 296)),
    ]
    c.shadow(c.ellipse(128, 290, 92, 12), 4, 2, 8, 0.35)
    for k, (start, end) in enumerate(legs):
        _turned_leg(c, start, end, timber * (0.7 if k < 2 else 1.0))
    for bar in ("50,256 192,256", "55,250 70,238", "188,250 172,238"):
        c.relief(c.stroke(bar, 7), timber * 0.85, 3, 1, 0.3)
    bow = smooth_curve("66,172 58,120 62,66 88,28 121,18 154,28 180,66 184,120 176,172", False)
    rods = c.polygon()
    for k in range(-4, 5):
        head = 21 + 1.9 * k * k * (1 + 0.02 * k * k)
        rods = np.maximum(rods, c.stroke([(121 + 11 * k, 172), (121 + 13.2 * k, head)], 4.6, 3.6))
    c.relief(rods, timber * 0.9, 2, 1.1, 0.35)
    c.relief(c.stroke(bow, 9, 9), timber, 4, 1.1, 0.45)
    arms = smooth_curve("34,146 44,132 70,122 121,118 172,122 198,132 208,146", False)
    for x in (40, 202):
        c.relief(c.stroke([(x, 140), (x + (8 if x < 120 else -8), 182)], 6), timber, 3, 1, 0.35)
    c.relief(c.stroke(arms, 9), timber * 1.05, 4, 1, 0.45)
    under = np.clip(np.roll(seat, 18, 0) - seat, 0, 1)
    c.relief(under, timber * 0.55, 2, 0.5, 0.1)
    dip = -5 * np.exp(-(((c.x - 121) / 52) ** 2) - ((c.y - 186) / 13) ** 2)
    c.relief(seat, wood(c, hexed("63300f"), hexed("a5652f")), 6, 0.8, 0.4, dip.astype(np.float32))
    return c.photo(grain=0.012, soft=0.3)


def _turned_leg(c: Canvas, start: Point, end: Point, timber: Array) -> None:
    leg = c.stroke([start, end], 9, 7)
    for t, size in ((0.3, 6), (0.36, 7), (0.62, 6.5), (0.7, 5.5)):
        at = (start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t)
        leg = np.maximum(leg, c.ellipse(*at, size, 4))
    c.relief(leg, timber, 4, 1.1, 0.4)


def ceiling_fan() -> Image.Image:
    """A brass ceiling fan with five wooden blades and a glass lamp, seen from below."""
    c = Canvas(340, 240, seed=55)
    c.rgb[:] = (
        rgb(0.80, 0.77, 0.72) * (1 + 0.012 * c.noise(3, 2) + 0.03 * c.noise(200, 2))[..., None]
    )
    light = np.exp(-((c.x - 170) ** 2 + 3 * (c.y - 130) ** 2) / 30000)[..., None]
    c.rgb *= 0.78 + 0.35 * light
    hub = (170.0, 112.0)
    timber = wood(c, hexed("4a2210"), hexed("84481f"))
    for angle in (-158, -82, -14, 52, 128):
        _blade(c, hub, angle, timber)
    brass = gold(np.clip(0.55 + 0.05 * c.noise(12, 3), 0, 1).astype(np.float32))
    pole = c.polygon("164,4 176,4 176,100 164,100")
    c.relief(np.maximum(pole, c.ellipse(170, 6, 26, 10)), brass, 5, 1, 0.6)
    motor = np.maximum(c.ellipse(170, 104, 44, 20), c.ellipse(170, 116, 40, 19))
    c.shadow(motor, 5, 8, 6, 0.5)
    c.relief(motor, brass, 12, 0.9, 0.7, None, 14)
    c.relief(c.ellipse(170, 130, 22, 12), brass * 0.8, 6, 0.8, 0.6)
    for x in (138, 170, 202):
        y = 150 if x == 170 else 143
        c.relief(c.stroke([(170, 130), (x, y)], 5), brass, 2.5, 1, 0.5)
        bulb = c.polygon(
            smooth_curve([(x - 7, y), (x + 7, y), (x + 17, y + 24), (x, y + 30), (x - 17, y + 24)])
        )
        c.relief(bulb, (1.0, 0.95, 0.83), 9, 0.5, 0.3)
        c.rgb += (
            rgb(0.16, 0.13, 0.07) * np.exp(-((c.x - x) ** 2 + (c.y - y - 16) ** 2) / 700)[..., None]
        )
    return c.photo(grain=0.014, soft=0.35, vignette=0.2)


def _blade(c: Canvas, hub: Point, angle: float, timber: Array) -> None:
    a = np.radians(angle)

    def at(u: float, v: float) -> Point:
        x, y = u * np.cos(a) - v * np.sin(a), u * np.sin(a) + v * np.cos(a)
        return hub[0] + float(x), hub[1] + 0.52 * float(y)

    blade = c.polygon(
        smooth_curve(
            [
                at(52, -15),
                at(100, -19),
                at(146, -20),
                at(156, 0),
                at(146, 20),
                at(100, 19),
                at(52, 15),
            ]
        )
    )
    iron = c.stroke([at(25, 0), at(74, 0)], 8, 10)
    c.shadow(np.maximum(blade, iron), 8, 14, 7, 0.35)
    facing = 0.85 + 0.3 * np.cos(a + 2.2)
    c.relief(blade, timber * float(facing), 2, 0.6, 0.25)
    c.relief(iron, hexed("b98d2e"), 3, 1, 0.5)
