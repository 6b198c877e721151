//! What the shop sells: one table, sixty articles.

use super::record::TakesBack::{self, Always, OnlyFaulty};

/// One row of the catalogue: number, name, family, price in cents, pieces in the warehouse,
/// whether it goes back, and what a salesperson would say.
pub(super) struct Article {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) family: &'static str,
    pub(super) price: i64,
    pub(super) stock: i64,
    pub(super) takes_back: TakesBack,
    pub(super) about: &'static str,
}

macro_rules! catalogue {
    ($($id:literal $name:literal $family:literal $price:literal $stock:literal $back:ident $about:literal;)*) => {
        pub(super) const ARTICLES: &[Article] = &[$(Article {
            id: $id, name: $name, family: $family, price: $price, stock: $stock,
            takes_back: $back, about: $about,
        }),*];
    };
}

catalogue! {
    "P-101" "Halden desk lamp, black" "lamp" 4990 42 Always "Dimmable LED desk lamp with a jointed arm, warm white, 7 watts.";
    "P-102" "Halden desk lamp, brass" "lamp" 5490 17 Always "Dimmable LED desk lamp with a jointed arm in brushed brass, 7 watts.";
    "P-103" "Sund floor lamp, oak" "lamp" 12900 9 Always "Floor lamp on an oak tripod with a linen shade, for reading corners.";
    "P-104" "Sund floor lamp, walnut" "lamp" 13900 0 Always "Floor lamp on a walnut tripod with a linen shade, for reading corners.";
    "P-105" "Liv bedside lamp" "lamp" 3490 61 Always "Small bedside lamp with a touch switch and a soft night light.";
    "P-106" "Ember fairy lights, 10 m" "lamp" 1990 120 Always "Warm white fairy lights for balcony and garden, weatherproof.";
    "P-107" "Fjell wool blanket, grey" "textile" 7990 25 Always "Heavy wool blanket, 140 by 200 cm, woven from undyed lambswool.";
    "P-108" "Fjell wool blanket, moss green" "textile" 7990 14 Always "Heavy wool blanket, 140 by 200 cm, lambswool dyed with plants.";
    "P-109" "Vik cushion cover, rust" "textile" 2290 70 Always "Cushion cover in washed linen, 50 by 50 cm, with a hidden zip.";
    "P-110" "Vik cushion cover, sand" "textile" 2290 66 Always "Cushion cover in washed linen, 50 by 50 cm, with a hidden zip.";
    "P-111" "Strand bath towel, white" "textile" 2490 88 Always "Thick cotton bath towel, 70 by 140 cm, 600 grams per square metre.";
    "P-112" "Strand bath towel, navy" "textile" 2490 54 Always "Thick cotton bath towel, 70 by 140 cm, 600 grams per square metre.";
    "P-113" "Lin bed linen, single" "textile" 8900 31 Always "Washed linen duvet cover and pillowcase for one bed, 135 by 200 cm.";
    "P-114" "Lin bed linen, double" "textile" 11900 22 Always "Washed linen duvet cover and two pillowcases, 200 by 200 cm.";
    "P-115" "Skog rain jacket, S" "jacket" 9900 11 Always "Light rain jacket with taped seams, recycled nylon, size S.";
    "P-116" "Skog rain jacket, M" "jacket" 9900 19 Always "Light rain jacket with taped seams, recycled nylon, size M.";
    "P-117" "Skog rain jacket, L" "jacket" 9900 8 Always "Light rain jacket with taped seams, recycled nylon, size L.";
    "P-118" "Skog rain jacket, XL" "jacket" 9900 0 Always "Light rain jacket with taped seams, recycled nylon, size XL.";
    "P-119" "Tjern slippers, 38" "shoe" 3990 26 Always "Felt slippers with a cork sole, size 38.";
    "P-120" "Tjern slippers, 40" "shoe" 3990 21 Always "Felt slippers with a cork sole, size 40.";
    "P-121" "Tjern slippers, 42" "shoe" 3990 18 Always "Felt slippers with a cork sole, size 42.";
    "P-122" "Tjern slippers, 44" "shoe" 3990 13 Always "Felt slippers with a cork sole, size 44.";
    "P-123" "Bris umbrella, black" "outdoor" 2990 47 Always "Storm-proof umbrella that opens and closes with one hand.";
    "P-124" "Bris umbrella, yellow" "outdoor" 2990 39 Always "Storm-proof umbrella that opens and closes with one hand.";
    "P-125" "Kyst picnic basket" "outdoor" 6490 12 Always "Willow basket for four with plates, cutlery and a cool bag.";
    "P-126" "Kyst vacuum flask, 0.75 l" "outdoor" 2790 58 Always "Steel flask that keeps tea hot for twelve hours.";
    "P-127" "Holm coffee grinder" "coffee" 8490 24 Always "Hand grinder with a conical steel burr and forty settings.";
    "P-128" "Holm pour-over set" "coffee" 4490 33 Always "Glass dripper with jug and walnut collar for two to four cups.";
    "P-129" "Holm espresso pot, 6 cups" "coffee" 3990 29 Always "Aluminium stove-top espresso pot for six small cups.";
    "P-130" "Holm milk frother" "coffee" 4990 20 Always "Electric frother for hot and cold milk foam, whisper quiet.";
    "P-131" "Nord espresso machine" "coffee" 38900 6 Always "Compact espresso machine with 15 bar pump and steam wand.";
    "P-132" "House roast coffee, 1 kg" "food" 1890 140 OnlyFaulty "Whole beans, medium roast, notes of cocoa and hazelnut.";
    "P-133" "Single estate coffee, 250 g" "food" 1190 75 OnlyFaulty "Whole beans from one farm, light roast, notes of peach.";
    "P-134" "Spruce honey, 500 g" "food" 1290 64 OnlyFaulty "Dark forest honey from a beekeeper two valleys away.";
    "P-135" "Grana cast iron pan, 26 cm" "kitchen" 5990 27 Always "Seasoned cast iron pan with two spouts, for all hobs.";
    "P-136" "Grana cast iron pan, 30 cm" "kitchen" 7490 15 Always "Seasoned cast iron pan with two spouts, for all hobs.";
    "P-137" "Grana casserole, 4.5 l" "kitchen" 13900 10 Always "Enamelled cast iron casserole with a lid that bastes.";
    "P-138" "Egg chef's knife, 20 cm" "kitchen" 8900 18 Always "Forged chef's knife with an ash handle, sharpened by hand.";
    "P-139" "Egg bread knife, 24 cm" "kitchen" 6900 16 Always "Bread knife with a wavy edge and an ash handle.";
    "P-140" "Furu chopping board, large" "kitchen" 3990 37 Always "End-grain pine board, 45 by 30 cm, oiled.";
    "P-141" "Furu chopping board, small" "kitchen" 2490 44 Always "End-grain pine board, 30 by 20 cm, oiled.";
    "P-142" "Dal plate, set of 4" "tableware" 4590 30 Always "Stoneware dinner plates, 27 cm, speckled glaze.";
    "P-143" "Dal bowl, set of 4" "tableware" 3890 34 Always "Stoneware bowls, 16 cm, speckled glaze.";
    "P-144" "Dal mug, blue" "tableware" 1490 93 Always "Stoneware mug, 0.35 l, fits under most machines.";
    "P-145" "Dal mug, white" "tableware" 1490 97 Always "Stoneware mug, 0.35 l, fits under most machines.";
    "P-146" "Dal mug, engraved" "tableware" 1990 200 OnlyFaulty "Stoneware mug with a name of your choice, made to order.";
    "P-147" "Klar wine glass, set of 6" "tableware" 4290 28 Always "Thin-walled glasses for red and white wine, dishwasher safe.";
    "P-148" "Klar water jug, 1.2 l" "tableware" 2690 41 Always "Heat-proof glass jug with an oak lid.";
    "P-149" "Rolig wall clock, oak" "living" 5490 23 Always "Silent wall clock, 30 cm, oak frame.";
    "P-150" "Rolig alarm clock" "living" 2990 52 Always "Analogue alarm clock without ticking, with a light.";
    "P-151" "Hylle wall shelf, 60 cm" "furniture" 4990 26 Always "Oiled oak shelf with hidden brackets, 60 cm.";
    "P-152" "Hylle wall shelf, 90 cm" "furniture" 6490 19 Always "Oiled oak shelf with hidden brackets, 90 cm.";
    "P-153" "Krakk stool, birch" "furniture" 7900 14 Always "Stackable birch stool, carries 120 kg.";
    "P-154" "Krakk bar stool, birch" "furniture" 11900 7 Always "Birch bar stool with a foot rest, seat at 75 cm.";
    "P-155" "Leseplass reading chair" "furniture" 44900 4 Always "Reading chair in wool felt with a birch frame.";
    "P-156" "Kurv laundry basket" "living" 4490 32 Always "Seagrass basket with a lid and cotton lining, 60 l.";
    "P-157" "Duft scented candle, cedar" "living" 2490 80 Always "Soy wax candle that burns for forty hours.";
    "P-158" "Ren hair brush" "hygiene" 1990 55 OnlyFaulty "Beech brush with natural bristles.";
    "P-159" "Ren soap set" "hygiene" 1690 90 OnlyFaulty "Three bars of olive oil soap.";
    "P-160" "Gift card, 50 euros" "gift card" 5000 1000 OnlyFaulty "A printed gift card in an envelope, valid for three years.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_articles_are_numbered_without_gaps() {
        let numbers: Vec<_> = (101..=160).map(|n| format!("P-{n}")).collect();
        assert_eq!(ARTICLES.iter().map(|a| a.id).collect::<Vec<_>>(), numbers);
    }
}
